//! Describes the machine, the versions of the tools and the state of the sources.

use std::process::Command;
use std::{fs, thread};

use serde_json::{Value, json};
use stack::workspace;

/// The description in the heading of the report.
pub(super) fn describe() -> Value {
    let is_changed = first_line_of("git", &["status", "--porcelain"]).is_some();
    json!({
        "date": first_line_of("date", &["-u", "+%Y-%m-%d %H:%M UTC"]),
        "commit": first_line_of("git", &["rev-parse", "--short", "HEAD"]),
        "changed_since_the_commit": is_changed,
        "processor": first_value("/proc/cpuinfo", "model name"),
        "cores": thread::available_parallelism().map(usize::from).unwrap_or_default(),
        "memory": first_value("/proc/meminfo", "MemTotal"),
        "kernel": first_line_of("uname", &["-srm"]),
        "load_before": fs::read_to_string("/proc/loadavg").ok().map(|load| load.trim().to_owned()),
        "rustc": first_line_of("rustc", &["--version"]),
        "python": first_line_of("python3", &["--version"]),
    })
}

/// The value of the first line `name: value` in a file.
fn first_value(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.split_once(':').map(|(_, value)| value.trim().to_owned())
}

/// The first line of the output of a command; `None` if it fails or prints nothing.
fn first_line_of(program: &str, args: &[&str]) -> Option<String> {
    let output = Command::new(program).args(args).current_dir(workspace::root().ok()?).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}
