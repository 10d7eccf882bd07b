//! The report of a run: a line for each check, printed as it ends, and as Markdown.

use std::fmt::Write as _;
use std::future::Future;
use std::sync::atomic::Ordering::Relaxed;

use time::OffsetDateTime;

use crate::client::Counts;
use crate::verdict::{Checked, NotPassed};

/// What all checks came to.
pub struct Report {
    url: String,
    /// Texts that are never written down: the passwords.
    secrets: Vec<String>,
    lines: Vec<Line>,
    /// What is told after the checks.
    remarks: Vec<String>,
}

struct Line {
    name: &'static str,
    result: &'static str,
    detail: String,
}

const PASSED: &str = "passed";
const FAILED: &str = "FAILED";
const NOT_RUN: &str = "not run";

impl Report {
    /// An empty report about the API at `url`.
    #[must_use]
    pub fn new(url: &str) -> Self {
        Self { url: url.to_owned(), secrets: Vec::new(), lines: Vec::new(), remarks: Vec::new() }
    }

    /// Never writes this password down.
    pub fn hide(&mut self, secret: &str) {
        self.secrets.push(secret.to_owned());
    }

    /// Runs a check and writes down what it comes to.
    pub async fn check(&mut self, name: &'static str, check: impl Future<Output = Checked>) {
        let (result, detail) = match check.await {
            Ok(note) => (PASSED, note),
            Err(NotPassed::Failed(why)) => (FAILED, why),
            Err(NotPassed::NotRun(why)) => (NOT_RUN, why),
        };
        let line = Line { name, result, detail: self.masked(&detail) };
        let detail = if line.detail.is_empty() { String::new() } else { format!(": {}", line.detail) };
        println!("{:<12} {}{detail}", line.result, line.name);
        self.lines.push(line);
    }

    /// Tells something after the checks.
    pub fn remark(&mut self, text: impl Into<String>) {
        let text: String = text.into();
        self.remarks.push(self.masked(&text));
    }

    /// Tells what the run took.
    pub fn tell_effort(&mut self, counts: &Counts, seconds: u64) {
        self.remark(format!(
            "{} requests in {seconds} s, {} s of them waits for quotas and stores.",
            counts.sent.load(Relaxed),
            counts.waited.load(Relaxed)
        ));
    }

    /// How many checks failed.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.count(FAILED)
    }

    /// One line for the terminal.
    #[must_use]
    pub fn summary(&self) -> String {
        format!("{} passed, {} failed, {} not run", self.count(PASSED), self.failed(), self.count(NOT_RUN))
    }

    /// The report as Markdown.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut text = format!(
            "# Acceptance of {}\n\n{}: {}.\n\n",
            self.url,
            OffsetDateTime::now_utc().date(),
            self.summary()
        );
        text.push_str("| check | result | detail |\n|---|---|---|\n");
        for Line { name, result, detail } in &self.lines {
            let _ = writeln!(text, "| {name} | {result} | {} |", detail.replace('|', "\\|"));
        }
        text.push('\n');
        for remark in &self.remarks {
            let _ = writeln!(text, "- {remark}");
        }
        text
    }

    fn count(&self, result: &str) -> usize {
        self.lines.iter().filter(|line| line.result == result).count()
    }

    /// The text without passwords and tokens, whatever an API wrote into its answers.
    fn masked(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in self.secrets.iter().filter(|secret| !secret.is_empty()) {
            text = text.replace(secret, "…");
        }
        // Every token begins with `{"`, which is this in base64url.
        while let Some(at) = text.find("eyJ") {
            let is_token = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
            let end = text[at..].find(|c| !is_token(c)).map_or(text.len(), |length| at + length);
            text.replace_range(at..end, "…");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_report_counts_its_lines_and_holds_no_secret() {
        let mut report = Report::new("http://127.0.0.1:1");
        report.hide("my secret");
        report.check("one", async { Ok(String::new()) }).await;
        report.check("two", async { Err(NotPassed::NotRun("no | reason".into())) }).await;
        let leak = r#"got my secret and {"access_token":"eyJhbGciOi.eyJzd.ab_-","x":1}"#;
        report.check("three", async { Err(NotPassed::Failed(leak.into())) }).await;
        report.remark("my secret");
        assert_eq!(report.failed(), 1);
        let text = report.markdown();
        assert!(text.contains("1 passed, 1 failed, 1 not run."), "{text}");
        assert!(text.contains("| two | not run | no \\| reason |"), "{text}");
        assert!(text.contains(r#"| three | FAILED | got … and {"access_token":"…","x":1} |"#), "{text}");
        assert!(!text.contains("my secret") && !text.contains("eyJ"), "{text}");
    }
}
