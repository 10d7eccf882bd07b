//! Finds programs that the machine has already.

use std::{
    cmp::Reverse,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

/// The program called `name` on the `PATH`.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    which::which_global(name).ok()
}

/// util-linux' `setpriv`, if there is one that knows `--pdeathsig` (the one of `BusyBox` does not).
pub(crate) fn setpriv() -> Option<&'static Path> {
    static SETPRIV: OnceLock<Option<PathBuf>> = OnceLock::new();
    let works = |setpriv: &PathBuf| {
        let mut command = Command::new(setpriv);
        command.args(["--pdeathsig", "KILL", "--", "true"]).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    SETPRIV.get_or_init(|| on_path("setpriv").filter(works)).as_deref()
}

/// Folders that may hold Postgres' servers: those of the `PATH`, then where Debian and Red Hat keep them, the newest
/// version first.
pub(crate) fn postgres_folders() -> Vec<PathBuf> {
    let on_path = which::which_all_global("initdb").into_iter().flatten();
    let on_path = on_path.filter_map(|initdb| initdb.parent().map(Path::to_owned));
    let mut versions = versions(Path::new("/usr/lib/postgresql"), "");
    versions.extend(self::versions(Path::new("/usr"), "pgsql-"));
    versions.sort_by_key(|(version, _)| Reverse(*version));
    on_path.chain(versions.into_iter().map(|(_, dir)| dir.join("bin"))).collect()
}

/// The first program called `name` in `dir` or below.
pub(crate) fn below(dir: &Path, name: &str) -> Option<PathBuf> {
    let here = which::which_in_global(name, Some(dir)).ok().and_then(|mut found| found.next());
    if here.is_some() {
        return here;
    }
    let entries = fs::read_dir(dir).ok()?.flatten();
    let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    folders.map(|folder| folder.path()).find_map(|folder| below(&folder, name))
}

fn versions(parent: &Path, prefix: &str) -> Vec<(u32, PathBuf)> {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    let version = |name: &str| name.strip_prefix(prefix).and_then(|rest| rest.parse().ok());
    entries.filter_map(|entry| Some((version(entry.file_name().to_str()?)?, entry.path()))).collect()
}
