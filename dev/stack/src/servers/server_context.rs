//! The folder of a stack and the user of its servers: the two facts that every server of the stack is started with.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use crate::{Result, error::Context, folder::Folder, process_spec::ProcessSpec, tools::Tool, user::User};

/// The folder of a stack together with the user of its servers.
pub(crate) struct ServerContext<'a> {
    pub(crate) folder: &'a Folder,
    pub(crate) user: Option<User>,
}

impl ServerContext<'_> {
    /// A folder that only the server called `name` can read. Created at the first call.
    pub(crate) fn data(&self, name: &str) -> Result<PathBuf> {
        let dir = self.folder.servers().join(name);
        fs::create_dir_all(&dir).context(format!("create {}", dir.display()))?;
        self.make_private(&dir, 0o700)?;
        Ok(dir)
    }

    /// Makes a file readable by the servers' user alone.
    pub(crate) fn make_readable(&self, file: &Path) -> Result<()> {
        self.make_private(file, 0o600)
    }

    /// `tool`, run as the servers' user, its output in a log in the stack's folder.
    pub(crate) fn spec(&self, name: &str, tool: &Tool) -> ProcessSpec {
        self.log(tool.spec(name).user(self.user), name)
    }

    /// `program`, run as the servers' user if that one can run it, and its output in a log in the stack's folder.
    pub(crate) fn run(&self, program: ProcessSpec, name: &str) -> ProcessSpec {
        let user = self.user.filter(|user| user.reaches(&program.program));
        self.log(program.user(user), name)
    }

    fn log(&self, program: ProcessSpec, name: &str) -> ProcessSpec {
        program.log(self.folder.path().join(format!("{name}.log")))
    }

    /// `tool` itself, or a copy where the servers' user can reach it.
    pub(crate) fn reachable(&self, tool: Tool) -> Result<Tool> {
        match self.user {
            Some(user) if !user.reaches(tool.program()) => tool.copied_into(self.folder.servers()),
            _ => Ok(tool),
        }
    }

    fn make_private(&self, path: &Path, mode: u32) -> Result<()> {
        let permissions = fs::Permissions::from_mode(mode);
        fs::set_permissions(path, permissions).context(format!("protect {}", path.display()))?;
        self.user.map_or(Ok(()), |user| user.own(path))
    }
}
