//! Reads the CPU time and the memory of a process from `/proc`.

use std::fs;
use std::time::Duration;

/// The CPU time of all living threads so far. `None` if there is no `/proc`.
pub(super) fn cpu(pid: u32) -> Option<Duration> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).ok()?;
    let spent = threads.flatten().filter_map(|thread| {
        let schedule = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        schedule.split(' ').next()?.parse().ok().map(Duration::from_nanos)
    });
    Some(spent.sum())
}

/// The largest resident memory so far, in bytes.
pub(super) fn peak_memory(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kib| kib * 1024)
}

#[cfg(test)]
mod tests {
    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_has_used_cpu_time_and_memory() {
        let pid = std::process::id();
        assert!(super::cpu(pid).is_some());
        assert!(super::peak_memory(pid).unwrap() > 100 * 1024);
    }
}
