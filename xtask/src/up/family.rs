//! What a process started, and what those started in turn, as Linux' `/proc` tells it.
//!
//! cargo-lambda gives every function a session of its own, so no signal to a group reaches them all.

use std::fs;

use rustix::process::{Pid, Signal, kill_process};

/// The descendants of a process at one moment. Empty where there is no `/proc`.
pub(super) struct Family(Vec<Relative>);

/// A process, told apart from a later one of the same number by when it started.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Relative {
    id: u32,
    parent: u32,
    started: u64,
}

impl Family {
    /// Everybody below `ancestor` now.
    pub(super) fn of(ancestor: u32) -> Self {
        let living = living();
        let mut family: Vec<Relative> = Vec::new();
        let mut parents = vec![ancestor];
        while let Some(parent) = parents.pop() {
            let children = living.iter().filter(|process| process.parent == parent);
            parents.extend(children.clone().map(|child| child.id));
            family.extend(children);
        }
        Self(family)
    }

    /// Kills those that still live.
    pub(super) fn kill(&self) {
        let is_one = |process: &&Relative| {
            self.0.iter().any(|relative| (relative.id, relative.started) == (process.id, process.started))
        };
        for survivor in living().iter().filter(is_one) {
            if let Some(pid) = i32::try_from(survivor.id).ok().and_then(Pid::from_raw) {
                let _ = kill_process(pid, Signal::KILL);
            }
        }
    }
}

fn living() -> Vec<Relative> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let stats = entries.filter_map(|entry| fs::read_to_string(entry.path().join("stat")).ok());
    stats.filter_map(|stat| parse(&stat)).collect()
}

/// See proc(5): the program's name is in parentheses and may itself hold blanks and parentheses.
fn parse(stat: &str) -> Option<Relative> {
    let id = stat.split(' ').next()?.parse().ok()?;
    let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
    Some(Relative { id, parent: fields.get(1)?.parse().ok()?, started: fields.get(19)?.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strange_program_name_does_not_confuse() {
        let stat = "42 (a) S 9 (b) S 7 42 42 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 9876 1 2";
        assert_eq!(parse(stat), Some(Relative { id: 42, parent: 7, started: 9876 }));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_grandchild_belongs_to_the_family() {
        let script = "setsid sleep 30 & wait";
        let mut child = std::process::Command::new("sh").args(["-c", script]).spawn().unwrap();
        while Family::of(child.id()).0.is_empty() {
            std::thread::yield_now();
        }
        Family::of(child.id()).kill();
        // Returns because the shell's only child is gone.
        assert!(child.wait().unwrap().success());
    }
}
