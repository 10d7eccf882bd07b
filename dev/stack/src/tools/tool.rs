//! A program that can be started.

use std::{
    env::join_paths,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{Error, Result, error::Context, process_spec::ProcessSpec, programs};

/// A program, of the machine or in a folder of ours.
#[derive(Clone, Debug)]
pub struct Tool {
    program: PathBuf,
    /// What belongs to it, if we installed it.
    tree: Option<PathBuf>,
}

impl Tool {
    pub(super) fn on_machine(program: PathBuf) -> Self {
        Self { program, tree: None }
    }

    pub(super) fn installed(tree: PathBuf, names: &[&str]) -> Result<Self> {
        match names.iter().find_map(|name| programs::below(&tree, name)) {
            Some(program) => Ok(Self { program, tree: Some(tree) }),
            None => Err(Error::new(format!(
                "no {} in {}; remove that folder and try again",
                names.join(" or "),
                tree.display()
            ))),
        }
    }

    /// The program's file.
    #[must_use]
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Another program in the same folder.
    pub(crate) fn beside(&self, name: &str) -> Self {
        Self { program: self.program.with_file_name(name), tree: self.tree.clone() }
    }

    /// A process of this program, called `name` in messages. What was unpacked from Debian's packages brings its
    /// libraries along.
    #[must_use]
    pub fn spec(&self, name: &str) -> ProcessSpec {
        let spec = ProcessSpec::new(name, &self.program);
        match self.libraries() {
            Some(folders) => spec.env("LD_LIBRARY_PATH", folders),
            None => spec,
        }
    }

    /// Where the libraries are that were unpacked with it, as `LD_LIBRARY_PATH` has it.
    pub(crate) fn libraries(&self) -> Option<OsString> {
        let tree = self.tree.as_ref()?;
        let folders = fs::read_to_string(tree.join("libraries")).ok()?;
        join_paths(folders.lines().map(|folder| tree.join(folder))).ok()
    }

    /// A copy of this program and what belongs to it in a folder below `dir`.
    pub(crate) fn copied_into(self, dir: &Path) -> Result<Self> {
        let outside = || Error::new(format!("`nobody` cannot run {}", self.program.display()));
        let tree = self.tree.as_ref().ok_or_else(outside)?;
        let name = tree.file_name().ok_or_else(outside)?;
        let status = Command::new("cp").arg("-a").arg(tree).arg(dir).status().context("run cp")?;
        let program = self.program.strip_prefix(tree).map_err(|_| outside())?;
        if !status.success() {
            return Err(Error::new(format!("cannot copy {} to {}", tree.display(), dir.display())));
        }
        Ok(Self { program: dir.join(name).join(program), tree: Some(dir.join(name)) })
    }
}
