//! A lock that one process at a time holds, on a file.

use std::{
    fs::{File, TryLockError},
    path::Path,
};

use crate::{Result, error::Context};

/// Held until this is dropped, or until the kernel releases it because the process has ended.
#[derive(Debug)]
pub(crate) struct Lock(File);

impl Lock {
    /// Locks the file, creating it if need be; `None` if another has the lock.
    ///
    /// The file must never be removed: two could otherwise hold "the" lock on two different files.
    pub(crate) fn acquire(path: &Path) -> Result<Option<Self>> {
        let context = || format!("lock {}", path.display());
        let file = File::options().write(true).create(true).truncate(false).open(path).context(context())?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error).context(context()),
        }
    }
}

impl Drop for Lock {
    /// Closing the file is not enough: a child process shares it until it has started its own program.
    fn drop(&mut self) {
        if let Err(error) = self.0.unlock() {
            eprintln!("A lock could not be released: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_has_it_and_a_child_process_does_not_keep_it() {
        let path = std::env::temp_dir().join(format!("lock-{}", std::process::id()));
        let lock = Lock::acquire(&path).unwrap().expect("nobody has it");
        assert!(Lock::acquire(&path).unwrap().is_none());
        let shared_with_a_child = lock.0.try_clone().unwrap();
        drop(lock);
        assert!(Lock::acquire(&path).unwrap().is_some());
        drop(shared_with_a_child);
        std::fs::remove_file(&path).unwrap();
    }
}
