//! The project's own files, as commands that write code see them: texts below the root, under version control.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use stack::{Context as _, Error, Result, workspace};

/// The files of the workspace.
pub(crate) struct Sources {
    root: PathBuf,
}

impl Sources {
    /// The files of this workspace.
    ///
    /// # Errors
    /// If something in it is not committed: then `git` could not undo a command without that.
    pub(crate) fn committed() -> Result<Self> {
        let sources = Self { root: workspace::root()? };
        if !sources.git(&["status", "--porcelain"])?.is_empty() {
            return Err(Error::new("there are changes that are not committed").hint(
                "Commit them first, so that `git reset --hard && git clean -fd` undoes this command alone.",
            ));
        }
        Ok(sources)
    }

    /// The paths of all files that `git` knows, relative to the root.
    pub(crate) fn paths(&self) -> Result<Vec<String>> {
        let paths = self.git(&["ls-files"])?.lines().map(str::to_owned).collect::<Vec<_>>();
        Ok(paths.into_iter().filter(|path| self.path(path).is_file()).collect())
    }

    /// The text of a file; `None` if there is none or it is no text.
    pub(crate) fn find(&self, path: &str) -> Option<String> {
        fs::read_to_string(self.path(path)).ok()
    }

    /// The text of a file.
    pub(crate) fn read(&self, path: &str) -> Result<String> {
        fs::read_to_string(self.path(path)).context(format!("read {path}"))
    }

    /// Writes a file and the folders that it is in.
    pub(crate) fn write(&self, path: &str, text: &str) -> Result<()> {
        let file = self.path(path);
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder).context(format!("create the folder of {path}"))?;
        }
        fs::write(file, text).context(format!("write {path}"))
    }

    /// Writes what `edit` makes of the text of a file, unless that is the same. A file of which nothing is left is
    /// deleted.
    pub(crate) fn edit(&self, path: &str, edit: impl FnOnce(&str) -> String) -> Result<()> {
        let before = self.read(path)?;
        let after = edit(&before);
        match after {
            after if after == before => Ok(()),
            after if after.trim().is_empty() => self.delete(path),
            after => self.write(path, &after),
        }
    }

    /// Deletes a file or a folder with all that is in it, if it is there.
    pub(crate) fn delete(&self, path: &str) -> Result<()> {
        let file = self.path(path);
        let outcome = if file.is_dir() { fs::remove_dir_all(&file) } else { fs::remove_file(&file) };
        match outcome {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).context(format!("delete {path}"))
            }
            _ => Ok(()),
        }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.join(Path::new(path))
    }

    fn git(&self, args: &[&str]) -> Result<String> {
        let output = Command::new("git").args(args).current_dir(&self.root).output().context("run git")?;
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        } else {
            Err(Error::new(format!("git {}: {}", args.join(" "), String::from_utf8_lossy(&output.stderr))))
        }
    }
}
