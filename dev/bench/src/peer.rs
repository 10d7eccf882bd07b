//! The peer: the Python original re-made in `bench/peer`, under AWS's own runtime client.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use stack::{
    Context as _, Result,
    launch::Launch,
    tools,
    workspace::{self, execute},
};

pub(super) struct Peer {
    python: PathBuf,
    dir: PathBuf,
}

impl Peer {
    /// Installs what it needs, and copies it to where Python may leave its compiled files.
    pub(super) async fn prepare(dir: &Path) -> Result<Self> {
        let sources = workspace::root()?.join("dev/bench/peer");
        let python = tools::python(&sources.join("requirements.txt")).await?;
        let dir = dir.join("peer");
        let _ = fs::remove_dir_all(&dir);
        copy(&sources, &dir).context(format!("copy {}", sources.display()))?;
        Ok(Self { python, dir })
    }

    /// Runs its `init_db.py`.
    pub(super) async fn create_tables(&self, variables: &BTreeMap<String, String>) -> Result<()> {
        let launch = Launch::new("python3", &self.python).args(["init_db.py"]);
        execute(&launch.dir(&self.dir).envs(variables)).await
    }

    pub(super) fn command(&self) -> Vec<PathBuf> {
        [self.python.as_path(), "-m".as_ref(), "awslambdaric".as_ref(), "main.handler".as_ref()]
            .map(Path::to_owned)
            .into()
    }

    /// Bytes of what it consists of but Python itself, and of a zip of that.
    pub(super) fn weight(&self) -> Option<(usize, usize)> {
        let packages = self.python.parent()?.parent()?.join("lib");
        let script = include_str!("weigh.py");
        let output =
            Command::new(&self.python).args(["-c", script]).args([&packages, &self.dir]).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        let (size, zip) = text.trim().split_once(' ')?;
        size.parse().ok().zip(zip.parse().ok())
    }

    pub(super) fn dir(&self) -> PathBuf {
        self.dir.clone()
    }
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
