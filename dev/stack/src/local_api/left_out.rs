//! Functions that a person starts, in a debugger for instance, instead of the local API.
//!
//! The gateway hands events to whoever asks for those of a function. So a function that is left out needs nothing but
//! its variables, which are written into a file for a shell or a debugger to read.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use crate::{
    Error, Result,
    env_file::{render, write_private},
    error::Context,
    workspace,
};

/// A function that was left out.
#[derive(Debug)]
pub struct LeftOut {
    name: String,
    env_file: PathBuf,
    binary: PathBuf,
}

impl LeftOut {
    /// Writes `variables` into a file in `dir`.
    pub(super) fn prepare(
        name: &str,
        variables: &BTreeMap<String, String>,
        dir: &Path,
        binary: &Path,
    ) -> Result<Self> {
        let env_file = dir.join(format!("{name}.env"));
        write_private(&env_file, &render(variables)).context(format!("write {}", env_file.display()))?;
        Ok(Self { name: name.to_owned(), env_file, binary: binary.to_owned() })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The file with its variables, as a POSIX shell reads it.
    #[must_use]
    pub fn env_file(&self) -> &Path {
        &self.env_file
    }

    /// The command that starts it, for a POSIX shell.
    #[must_use]
    pub fn command(&self) -> String {
        format!("(set -a; . '{}'; exec '{}')", self.env_file.display(), self.binary.display())
    }

    /// Removes the file: its variables lead nowhere once the servers end.
    pub(super) fn forget(&self) {
        let _ = fs::remove_file(&self.env_file);
    }
}

/// Checks that `names` are names of functions.
pub(super) fn check(names: &[String]) -> Result<()> {
    let functions = workspace::functions()?;
    match names.iter().find(|name| !functions.contains(name)) {
        None => Ok(()),
        Some(name) => {
            let known = functions.join(", ");
            Err(Error::new(format!("there is no function called {name}; there are {known}")))
        }
    }
}
