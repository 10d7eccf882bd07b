//! The folder of one stack: held by a lock while its owner lives, cleaned up by whoever comes next.

use std::{
    fs::{self, DirBuilder, File, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt, PermissionsExt, symlink},
    path::{Path, PathBuf},
};

use crate::{Error, Result, error::Context, random, user::User};

/// What the private folder outside of the project is called, up to its random end.
const OUTSIDE: &str = "bookshelf-";

/// `target/stack` or `target/stack-2` or …, ours alone until this is dropped.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    servers: PathBuf,
    /// Kept open for its lock, which the kernel releases however we end. Lies beside the folder, not
    /// in it, and is never removed: two could otherwise hold "the" lock on two different files.
    _lock: File,
}

impl Folder {
    /// The first folder below `parent` that no living process holds, emptied.
    pub(crate) fn claim(parent: &Path, name: &str, user: Option<User>) -> Result<Self> {
        fs::create_dir_all(parent).context(format!("create {}", parent.display()))?;
        for candidate in names(name).take(100) {
            let path = parent.join(&candidate);
            if let Some(lock) = try_lock(&parent.join(format!(".{candidate}.lock")))? {
                remove(&path);
                let servers = create(&path, user).context(format!("create {}", path.display()))?;
                return Ok(Self { path, servers, _lock: lock });
            }
        }
        Err(Error::new(format!("a hundred stacks called {name} are running in {}", parent.display())))
    }

    /// The folder itself.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where servers keep their data: below the folder, or elsewhere if their user cannot reach it.
    pub(crate) fn servers(&self) -> &Path {
        &self.servers
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        remove(&self.path);
    }
}

/// Takes an exclusive lock, or tells that another process has it.
pub(crate) fn try_lock(path: &Path) -> Result<Option<File>> {
    let locking = || format!("lock {}", path.display());
    let file = File::options().write(true).create(true).truncate(false).open(path).context(locking())?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error).context(locking()),
    }
}

fn names(name: &str) -> impl Iterator<Item = String> {
    std::iter::once(name.to_owned()).chain((2..).map(move |n| format!("{name}-{n}")))
}

fn create(path: &Path, user: Option<User>) -> io::Result<PathBuf> {
    fs::create_dir(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
    let servers = path.join("servers");
    match user {
        Some(user) if !user.reaches(path) => {
            let outside = create_outside()?;
            symlink(&outside, &servers)?;
            Ok(outside)
        }
        _ => {
            fs::create_dir(&servers)?;
            fs::set_permissions(&servers, fs::Permissions::from_mode(0o711))?;
            Ok(servers)
        }
    }
}

/// Fails if the name is taken, so nobody can have prepared the folder for us.
fn create_outside() -> io::Result<PathBuf> {
    let token = random::token().map_err(io::Error::other)?;
    let outside = std::env::temp_dir().join(format!("{OUTSIDE}{token}"));
    DirBuilder::new().mode(0o711).create(&outside)?;
    fs::set_permissions(&outside, fs::Permissions::from_mode(0o711))?;
    Ok(outside)
}

/// Removes the folder and what it points to.
fn remove(path: &Path) {
    if let Ok(outside) = fs::read_link(path.join("servers")) {
        let is_ours = |name: &std::ffi::OsStr| name.to_string_lossy().starts_with(OUTSIDE);
        if outside.file_name().is_some_and(is_ours) {
            remove_tree(&outside);
        }
    }
    remove_tree(path);
}

/// Removes a folder in which a process that is just dying may still write.
pub(crate) fn remove_tree(path: &Path) {
    for _ in 0..20 {
        match fs::remove_dir_all(path) {
            Ok(()) => return,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return,
            Err(_) => std::thread::sleep(std::time::Duration::from_millis(50)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(test: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("xtask-{test}-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        dir
    }

    #[test]
    fn the_second_stack_gets_the_second_folder() {
        let dir = scratch("second");
        let first = Folder::claim(&dir, "stack", None).unwrap();
        let second = Folder::claim(&dir, "stack", None).unwrap();
        assert_eq!(
            (first.path(), second.path()),
            (dir.join("stack").as_path(), dir.join("stack-2").as_path())
        );
        drop(first);
        let third = Folder::claim(&dir, "stack", None).unwrap();
        assert_eq!(third.path(), dir.join("stack"));
        drop((second, third));
        fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn what_a_killed_run_left_behind_is_cleaned_up() {
        let dir = scratch("stale");
        let outside = create_outside().unwrap();
        fs::create_dir_all(dir.join("stack")).unwrap();
        fs::write(dir.join("stack/env"), "OLD=1").unwrap();
        symlink(&outside, dir.join("stack/servers")).unwrap();
        let folder = Folder::claim(&dir, "stack", None).unwrap();
        assert!(!folder.path().join("env").exists());
        assert!(!outside.exists());
        drop(folder);
        assert!(!dir.join("stack").exists());
        fs::remove_dir_all(&dir).unwrap();
    }
}
