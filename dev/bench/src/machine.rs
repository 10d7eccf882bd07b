//! On what and of what the measurements are.

use std::{fs, thread};

use serde_json::{Value, json};

use super::fixture::said;

/// The machine, the versions and the state of the sources.
pub(super) fn describe() -> Value {
    let first = |file: &str, name: &str| {
        let text = fs::read_to_string(file).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with(name)).map(str::to_owned);
        line.and_then(|line| line.split_once(':').map(|(_, value)| value.trim().to_owned()))
    };
    let changed = said("git", &["status", "--porcelain"]).is_some();
    json!({
        "date": said("date", &["-u", "+%Y-%m-%d %H:%M UTC"]),
        "commit": said("git", &["rev-parse", "--short", "HEAD"]),
        "changed_since_the_commit": changed,
        "processor": first("/proc/cpuinfo", "model name"),
        "cores": thread::available_parallelism().map(usize::from).unwrap_or_default(),
        "memory": first("/proc/meminfo", "MemTotal"),
        "kernel": said("uname", &["-srm"]),
        "load_before": fs::read_to_string("/proc/loadavg").ok().map(|load| load.trim().to_owned()),
        "rustc": said("rustc", &["--version"]),
        "python": said("python3", &["--version"]),
    })
}
