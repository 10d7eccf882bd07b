//! The functions' log: as it is in a file, and on the terminal in the form in which it is read there.

use std::{
    fmt::Write as _,
    fs::File,
    io::{IsTerminal as _, Write as _},
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use serde_json::Value;

use crate::{Result, error::Context};

/// How the functions' log is shown on the terminal. All of it is in the log file in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogStyle {
    /// A line for people per request, security event and warning.
    Readable,
    /// As the functions write it: one JSON object a line.
    Json,
    /// Not at all.
    Hidden,
}

impl LogStyle {
    /// For people where standard output is a terminal, JSON where a program reads it.
    #[must_use]
    pub fn of_terminal() -> Self {
        if std::io::stdout().is_terminal() { Self::Readable } else { Self::Json }
    }
}

/// Where the functions' lines go.
#[derive(Debug)]
pub(super) struct LogView {
    style: LogStyle,
    path: PathBuf,
    file: Mutex<File>,
    /// Not while functions start: nobody but this program sends requests then.
    is_shown: AtomicBool,
}

impl LogView {
    /// Writes to `file`, which begins empty.
    pub(super) fn new(style: LogStyle, file: &Path) -> Result<Self> {
        let opened = File::create(file).context(format!("write {}", file.display()))?;
        let (path, file) = (file.to_owned(), Mutex::new(opened));
        Ok(Self { style, path, file, is_shown: AtomicBool::new(false) })
    }

    pub(super) fn file(&self) -> &Path {
        &self.path
    }

    /// Shows what comes from now on, or keeps it to the file.
    pub(super) fn show(&self, shown: bool) {
        self.is_shown.store(shown, Ordering::Relaxed);
    }

    /// Takes one line of `function`.
    pub(super) fn take(&self, function: &str, line: &str) {
        // A full disk must not end the API.
        let _ = writeln!(self.file.lock().unwrap_or_else(PoisonError::into_inner), "{line}");
        if !self.is_shown.load(Ordering::Relaxed) {
            return;
        }
        match self.style {
            LogStyle::Hidden => {}
            LogStyle::Json => println!("{line}"),
            LogStyle::Readable => {
                if let Some(line) = readable(function, line) {
                    println!("{line}");
                }
            }
        }
    }
}

const RED: &str = "\x1b[31m";
const GREEN: &str = "\x1b[32m";
const YELLOW: &str = "\x1b[33m";
const MAGENTA: &str = "\x1b[35m";
const DIM: &str = "\x1b[2m";
const PLAIN: &str = "\x1b[0m";

/// `line` for people: `None` if it says nothing to them, as metrics do.
fn readable(function: &str, line: &str) -> Option<String> {
    let Ok(entry @ Value::Object(_)) = serde_json::from_str::<Value>(line) else {
        return Some(format!("{DIM}{function:<12}{PLAIN} {line}"));
    };
    if entry.get("_aws").is_some() {
        return None;
    }
    let text = |name: &str| entry[name].as_str().unwrap_or_default();
    let time = text("timestamp").get(11..19).unwrap_or("        ");
    let head = format!("{DIM}{time} {function:<12}{PLAIN}");
    if text("message") == "answered" {
        return Some(format!("{head} {}", request(&entry)));
    }
    let colour = match text("level") {
        _ if text("target") == "security" => MAGENTA,
        "ERROR" => RED,
        "WARN" => YELLOW,
        "INFO" => PLAIN,
        _ => return None,
    };
    Some(format!("{head} {colour}{}{}{PLAIN}", text("message"), fields(&entry)))
}

/// Method, path, status and duration of a request.
fn request(entry: &Value) -> String {
    let status = entry["status"].as_u64().unwrap_or_default();
    let colour = match status {
        0..400 => GREEN,
        400..500 => YELLOW,
        _ => RED,
    };
    let method = entry["method"].as_str().unwrap_or("-");
    let path = entry["path"].as_str().or(entry["route"].as_str()).unwrap_or("-");
    let micros = u32::try_from(entry["micros"].as_u64().unwrap_or_default()).unwrap_or(u32::MAX);
    format!("{method:<6} {path}  {colour}{status}{PLAIN}  {DIM}{:.1} ms{PLAIN}", f64::from(micros) / 1000.0)
}

/// The other fields, as `name=value`.
fn fields(entry: &Value) -> String {
    const SHOWN_OTHERWISE: [&str; 5] = ["timestamp", "level", "message", "target", "span"];
    let mut text = String::new();
    for (name, value) in entry.as_object().into_iter().flatten() {
        if !SHOWN_OTHERWISE.contains(&name.as_str()) {
            let value = value.as_str().map_or_else(|| value.to_string(), Into::into);
            let _ = write!(text, " {name}={value}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(line: &str) -> Option<String> {
        let mut text = readable("reviews", line)?;
        for code in [RED, GREEN, YELLOW, MAGENTA, DIM, PLAIN] {
            text = text.replace(code, "");
        }
        Some(text)
    }

    #[test]
    fn a_request_is_told_in_a_line_for_people() {
        let line = r#"{"timestamp":"2026-11-26T12:34:56.789Z","level":"INFO","message":"answered","method":"GET",
            "route":"/reviews/{id}","path":"/reviews/7","status":200,"micros":1234,"target":"t","span":{}}"#;
        assert_eq!(plain(line).unwrap(), "12:34:56 reviews      GET    /reviews/7  200  1.2 ms");
    }

    #[test]
    fn events_keep_their_fields_and_metrics_are_left_out() {
        let line = r#"{"timestamp":"2026-11-26T12:34:56.789Z","level":"INFO","message":"login","outcome":"refused",
            "target":"security","span":{"request_id":"r"}}"#;
        assert_eq!(plain(line).unwrap(), "12:34:56 reviews      login outcome=refused");
        assert_eq!(plain(r#"{"_aws":{}}"#), None);
        assert_eq!(plain(r#"{"level":"DEBUG","message":"m"}"#), None);
    }

    #[test]
    fn a_line_that_is_no_json_is_shown_as_it_is() {
        assert_eq!(
            plain("can not start: REDIS_URL is not set").unwrap(),
            "reviews      can not start: REDIS_URL is not set"
        );
    }
}
