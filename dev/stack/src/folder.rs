//! The folder of one stack, locked while its owner lives.
//!
//! A temporary one is removed at the end, or by the next owner if this one was killed. A persistent one stays with its
//! data; it counts as complete once its owner has put a [`STATE`] file into it, and is made anew otherwise.

use std::{
    fs::{self, DirBuilder},
    io,
    os::unix::fs::{DirBuilderExt, PermissionsExt, symlink},
    path::{Path, PathBuf},
};

use crate::{Error, Result, error::Context, lock::Lock, random, user::User};

/// The name of the file that completes a persistent folder.
pub(crate) const STATE: &str = "state.env";

/// How long the data of a stack lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Persistence {
    /// As long as the stack runs.
    Temporary,
    /// Until it is reset: the next stack of this name finds it.
    Persistent,
    /// The same, but it starts empty now.
    Reset,
}

/// The name of the private folder outside of the project, up to its random end.
const OUTSIDE: &str = "bookshelf-";

/// `target/stack` or `target/stack-2` or …, ours alone until this is dropped.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    servers: PathBuf,
    persistence: Persistence,
    /// On a file beside the folder, which outlives it.
    _lock: Lock,
}

impl Folder {
    /// The first folder below `parent` that no living process holds.
    pub(crate) fn claim(
        parent: &Path,
        name: &str,
        user: Option<User>,
        persistence: Persistence,
    ) -> Result<Self> {
        fs::create_dir_all(parent).context(format!("create {}", parent.display()))?;
        for candidate in names(name).take(100) {
            let path = parent.join(&candidate);
            if let Some(lock) = Lock::acquire(&parent.join(format!(".{candidate}.lock")))? {
                let saved = if persistence == Persistence::Persistent { servers_of(&path) } else { None };
                let servers = match saved {
                    Some(servers) => servers,
                    None => create(&path, user).context(format!("create {}", path.display()))?,
                };
                return Ok(Self { path, servers, persistence, _lock: lock });
            }
        }
        Err(Error::new(format!("a hundred stacks called {name} are running in {}", parent.display())))
    }

    /// The folder itself.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The file that tells the next owner of a persistent folder what it needs to know of the data.
    pub(crate) fn state(&self) -> PathBuf {
        self.path.join(STATE)
    }

    /// Where servers keep their data: below the folder, or elsewhere if their user cannot reach it.
    pub(crate) fn servers(&self) -> &Path {
        &self.servers
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.persistence == Persistence::Temporary || !self.state().exists() {
            remove(&self.path);
        }
    }
}

/// Where the servers of a complete folder keep their data.
fn servers_of(path: &Path) -> Option<PathBuf> {
    let servers = path.join("servers");
    let servers = fs::read_link(&servers).unwrap_or(servers);
    (path.join(STATE).is_file() && servers.is_dir()).then_some(servers)
}

fn names(name: &str) -> impl Iterator<Item = String> {
    std::iter::once(name.to_owned()).chain((2..).map(move |n| format!("{name}-{n}")))
}

/// Makes the folder anew.
fn create(path: &Path, user: Option<User>) -> io::Result<PathBuf> {
    remove(path);
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
        let dir = std::env::temp_dir().join(format!("folder-{test}-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        dir
    }

    #[test]
    fn the_second_stack_gets_the_second_folder() {
        let dir = scratch("second");
        let first = Folder::claim(&dir, "stack", None, Persistence::Temporary).unwrap();
        let second = Folder::claim(&dir, "stack", None, Persistence::Temporary).unwrap();
        assert_eq!(
            (first.path(), second.path()),
            (dir.join("stack").as_path(), dir.join("stack-2").as_path())
        );
        drop(first);
        let third = Folder::claim(&dir, "stack", None, Persistence::Temporary).unwrap();
        assert_eq!(third.path(), dir.join("stack"));
        drop((second, third));
        fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn a_persistent_folder_is_found_again_once_it_is_complete_and_can_be_reset() {
        let dir = scratch("persistent");
        let claim = |persistence| Folder::claim(&dir, "stack", None, persistence).unwrap();
        let data = dir.join("stack/servers/data");
        let incomplete = claim(Persistence::Persistent);
        fs::write(&data, "1").unwrap();
        drop(incomplete);
        assert!(!data.exists(), "without its state it is worth nothing");
        let complete = claim(Persistence::Persistent);
        fs::write(&data, "1").unwrap();
        fs::write(complete.state(), "A=1").unwrap();
        drop(complete);
        assert!(data.exists());
        drop(claim(Persistence::Persistent));
        assert!(data.exists());
        drop(claim(Persistence::Reset));
        assert!(!data.exists());
        fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn what_a_killed_run_left_behind_is_cleaned_up() {
        let dir = scratch("stale");
        let outside = create_outside().unwrap();
        fs::create_dir_all(dir.join("stack")).unwrap();
        fs::write(dir.join("stack/env"), "OLD=1").unwrap();
        symlink(&outside, dir.join("stack/servers")).unwrap();
        let folder = Folder::claim(&dir, "stack", None, Persistence::Temporary).unwrap();
        assert!(!folder.path().join("env").exists());
        assert!(!outside.exists());
        drop(folder);
        assert!(!dir.join("stack").exists());
        fs::remove_dir_all(&dir).unwrap();
    }
}
