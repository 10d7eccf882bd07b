//! Reads the CPU time and the memory of processes from `/proc`, and ends them.

use std::fs;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

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
    bytes(&format!("/proc/{pid}/status"), "VmHWM:")
}

/// The resident memory, in bytes. What several processes share is divided among them.
pub(super) fn memory(pid: u32) -> Option<u64> {
    bytes(&format!("/proc/{pid}/smaps_rollup"), "Pss:")
}

/// The process with this id and all of its descendants in its process group.
pub(super) fn group(leader: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = processes.filter_map(|process| process.file_name().to_str()?.parse().ok());
    ids.filter(|id| group_of(*id) == Some(leader)).collect()
}

/// Kills a process group.
pub(super) fn kill_group(leader: u32) {
    if let Some(leader) = i32::try_from(leader).ok().and_then(Pid::from_raw) {
        // Fails if all of them have ended.
        let _ = kill_process_group(leader, Signal::KILL);
    }
}

/// The time that all processors were busy, summed up over them, in ticks, and the time of all of them together.
pub(super) fn processors() -> Option<[u64; 2]> {
    let text = fs::read_to_string("/proc/stat").ok()?;
    // User, nice, system, idle, waiting for disks, interrupts, soft interrupts, stolen.
    let ticks: Vec<u64> =
        text.lines().next()?.split_whitespace().skip(1).take(8).flat_map(str::parse).collect();
    let all = ticks.iter().sum::<u64>();
    Some([all - ticks.get(3)? - ticks.get(4)?, all])
}

/// The process group, which follows the name in parentheses, the state and the parent.
fn group_of(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(2)?.parse().ok()
}

/// The value of a line `name 123 kB`.
fn bytes(file: &str, name: &str) -> Option<u64> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
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
        assert!(super::memory(pid).unwrap() > 100 * 1024);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_is_in_its_group_and_the_processors_have_been_busy() {
        let pid = std::process::id();
        assert!(super::group(super::group_of(pid).unwrap()).contains(&pid));
        let [busy, all] = super::processors().unwrap();
        assert!(busy > 0 && busy < all);
    }
}
