//! The peer: the same API in Python, in `dev/bench/peer`, under AWS's runtime client for Python.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

use stack::process_spec::ProcessSpec;
use stack::workspace::{self, execute};
use stack::{Context as _, Result, tools};

pub(super) struct Peer {
    python: PathBuf,
    dir: PathBuf,
}

impl Peer {
    /// Installs its packages, and copies its sources, because Python writes compiled files beside them.
    pub(super) async fn prepare(dir: &Path) -> Result<Self> {
        let sources = workspace::root()?.join("dev/bench/peer");
        let python = tools::python(&sources.join("requirements.txt")).await?;
        let dir = dir.join("peer");
        let _ = fs::remove_dir_all(&dir);
        copy(&sources, &dir).context(format!("copy {}", sources.display()))?;
        Ok(Self { python, dir })
    }

    /// Creates the tables by its `init_db.py`.
    pub(super) async fn create_tables(&self, variables: &BTreeMap<String, String>) -> Result<()> {
        let spec = ProcessSpec::new("python3", &self.python).args(["init_db.py"]);
        execute(&spec.dir(&self.dir).envs(variables)).await
    }

    pub(super) fn command(&self) -> Vec<PathBuf> {
        [self.python.as_path(), "-m".as_ref(), "awslambdaric".as_ref(), "main.handler".as_ref()]
            .map(Path::to_owned)
            .into()
    }

    /// The size of its sources and packages, without Python, and that of a zip of them, in bytes.
    pub(super) fn size(&self) -> Option<(usize, usize)> {
        let packages = self.python.parent()?.parent()?.join("lib");
        let script = include_str!("directory_size.py");
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
