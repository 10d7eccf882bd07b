//! Looking around on the machine.

use std::{
    cmp::Reverse,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

use crate::settings;

/// The program called `name` on the `PATH`.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    settings::search_path().iter().map(|dir| dir.join(name)).find(|file| is_executable(file))
}

/// util-linux' `setpriv`, if there is one that can do what we want (the one of `BusyBox` cannot).
pub(crate) fn setpriv() -> Option<&'static Path> {
    static SETPRIV: OnceLock<Option<PathBuf>> = OnceLock::new();
    let works = |setpriv: &PathBuf| {
        let mut command = Command::new(setpriv);
        command.args(["--pdeathsig", "KILL", "--", "true"]).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    SETPRIV.get_or_init(|| on_path("setpriv").filter(works)).as_deref()
}

/// Folders that may hold Postgres' servers: the `PATH`, then where Debian and Red Hat keep them,
/// the newest version first.
pub(super) fn postgres_folders() -> Vec<PathBuf> {
    let mut versions = versions(Path::new("/usr/lib/postgresql"), "");
    versions.extend(self::versions(Path::new("/usr"), "pgsql-"));
    versions.sort_by_key(|(version, _)| Reverse(*version));
    let mut folders = settings::search_path();
    folders.extend(versions.into_iter().map(|(_, dir)| dir.join("bin")));
    folders
}

/// The first program called `name` in `dir` or below.
pub(super) fn below(dir: &Path, name: &str) -> Option<PathBuf> {
    let entries: Vec<_> = fs::read_dir(dir).ok()?.flatten().collect();
    let here = entries.iter().find(|entry| entry.file_name() == name && is_executable(&entry.path()));
    here.map(fs::DirEntry::path).or_else(|| {
        let is_dir = |entry: &&fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
        entries.iter().filter(is_dir).find_map(|entry| below(&entry.path(), name))
    })
}

fn versions(parent: &Path, prefix: &str) -> Vec<(u32, PathBuf)> {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    let version = |name: &str| name.strip_prefix(prefix).and_then(|rest| rest.parse().ok());
    entries.filter_map(|entry| Some((version(entry.file_name().to_str()?)?, entry.path()))).collect()
}

fn is_executable(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}
