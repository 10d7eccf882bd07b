//! The share of a processor that Lambda gives a function, by control groups of Linux.
//!
//! Lambda gives a function a whole processor while it starts, and afterwards the part of one that its memory buys, in
//! slices of a period. A control group does the same: a process that has used its quota up waits for the next period.
//! Both versions of control groups are supported; writing to them needs root.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use stack::{Context as _, Error, Result};

use crate::cost::WHOLE_PROCESSOR;

/// Version 1 has a hierarchy for each controller, version 2 one for all.
const ROOTS: [(&str, Version); 3] = [
    ("/sys/fs/cgroup/cpu", Version::One),
    ("/sys/fs/cgroup/cpu,cpuacct", Version::One),
    ("/sys/fs/cgroup", Version::Two),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

/// The share of a processor that comes with an amount of memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct ProcessorShare {
    root: (&'static str, Version),
    /// The processor time in each period.
    quota: Duration,
}

/// A control group. Dropping it removes it, for which its processes must have ended.
#[derive(Debug)]
pub(super) struct ControlGroup(PathBuf);

impl ProcessorShare {
    /// The period of the quota, as Lambda's.
    pub(super) const PERIOD: Duration = Duration::from_millis(20);

    /// The share for a memory in MB.
    ///
    /// # Errors
    /// When this system lets nobody set it, or not this user.
    pub(super) fn of_memory(memory: f64) -> Result<Self> {
        let quota = Self::PERIOD.mul_f64((memory / WHOLE_PROCESSOR).min(1.0));
        let mut reason = Error::new("there are no control groups");
        for root in ROOTS.into_iter().filter(|root| root.1.is_at(Path::new(root.0))) {
            let share = Self { root, quota };
            match share.group() {
                Ok(_) => return Ok(share),
                Err(error) => reason = error,
            }
        }
        Err(reason)
    }

    /// The processor time in each period.
    pub(super) fn quota(&self) -> Duration {
        self.quota
    }

    /// Limits a process and all its threads.
    pub(super) fn limit(&self, pid: u32) -> Result<ControlGroup> {
        let group = self.group()?;
        write(&group.0.join("cgroup.procs"), &pid.to_string())?;
        Ok(group)
    }

    /// Creates a group with this quota.
    fn group(&self) -> Result<ControlGroup> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("bookshelf-bench-{}-{}", std::process::id(), NUMBER.fetch_add(1, Relaxed));
        let path = Path::new(self.root.0).join(name);
        fs::create_dir(&path).context(format!("create {}", path.display()))?;
        let group = ControlGroup(path);
        let [quota, period] = [self.quota, Self::PERIOD].map(|time| time.as_micros().to_string());
        match self.root.1 {
            Version::One => {
                write(&group.0.join("cpu.cfs_period_us"), &period)?;
                write(&group.0.join("cpu.cfs_quota_us"), &quota)?;
            }
            Version::Two => write(&group.0.join("cpu.max"), &format!("{quota} {period}"))?,
        }
        Ok(group)
    }
}

impl Version {
    /// Whether control groups of this version, with quotas of processor time, are mounted here.
    fn is_at(self, root: &Path) -> bool {
        match self {
            Self::One => root.join("cpu.cfs_quota_us").exists() || root.join("cpu.shares").exists(),
            Self::Two => {
                let controllers = fs::read_to_string(root.join("cgroup.subtree_control"));
                controllers.is_ok_and(|names| names.split_whitespace().any(|name| name == "cpu"))
            }
        }
    }
}

impl Drop for ControlGroup {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

fn write(file: &Path, value: &str) -> Result<()> {
    fs::write(file, value).context(format!("write {value} to {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_is_that_of_the_memory_and_at_most_a_whole_processor() {
        let Ok(share) = ProcessorShare::of_memory(256.0) else { return };
        assert_eq!(share.quota.as_micros(), 2894);
        assert_eq!(ProcessorShare::of_memory(10_240.0).unwrap().quota, ProcessorShare::PERIOD);
        let group = share.group().unwrap();
        assert!(group.0.exists());
        let path = group.0.clone();
        drop(group);
        assert!(!path.exists());
    }
}
