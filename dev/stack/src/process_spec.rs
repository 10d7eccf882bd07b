//! The description of a process before it is started: program, arguments, variables, folder, user, and where its output
//! goes.
//!
//! A [`ProcessSpec`] is a builder, and it can be used again: a server that ended is started from the same one. Its
//! command goes through util-linux' `setpriv` where there is one, which changes the user and has the kernel kill the
//! process when its parent ends.

use std::{
    ffi::OsString,
    fs::File,
    path::{Path, PathBuf},
    process::Stdio,
};

use tokio::process::Command;

use crate::{Result, error::Context, programs, settings, user::User};

/// A process that can be started any number of times.
#[derive(Clone, Debug)]
pub struct ProcessSpec {
    pub(crate) name: String,
    pub(crate) program: PathBuf,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    without: Vec<&'static str>,
    bare: bool,
    dir: PathBuf,
    user: Option<User>,
    /// Where standard output goes, if not to the terminal or the log.
    stdout: Option<PathBuf>,
    log: Option<PathBuf>,
    piped: bool,
}

impl ProcessSpec {
    /// `program`, called `name` in messages. Runs in `/` unless told otherwise.
    pub fn new(name: &str, program: impl Into<PathBuf>) -> Self {
        Self {
            name: name.to_owned(),
            program: program.into(),
            args: Vec::new(),
            env: Vec::new(),
            without: Vec::new(),
            bare: false,
            dir: "/".into(),
            user: None,
            stdout: None,
            log: None,
            piped: false,
        }
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<I: IntoIterator<Item = S>, S: AsRef<str>>(mut self, args: I) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().into()));
        self
    }

    /// Adds a path as an argument.
    #[must_use]
    pub fn path(mut self, path: impl AsRef<Path>) -> Self {
        self.args.push(path.as_ref().into());
        self
    }

    /// Sets a variable.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Sets variables.
    #[must_use]
    pub fn envs<'a>(mut self, variables: impl IntoIterator<Item = (&'a String, &'a String)>) -> Self {
        self.env.extend(variables.into_iter().map(|(name, value)| (name.into(), value.into())));
        self
    }

    /// Keeps a variable of ours from the program.
    #[must_use]
    pub fn without(mut self, name: &'static str) -> Self {
        self.without.push(name);
        self
    }

    /// Gives the program no other variables than those named here.
    #[must_use]
    pub fn bare(mut self) -> Self {
        self.bare = true;
        self
    }

    /// Chooses the folder that the program runs in.
    #[must_use]
    pub fn dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.dir = dir.into();
        self
    }

    /// Steps down to `user` before the program starts.
    pub(crate) fn user(mut self, user: Option<User>) -> Self {
        self.user = user;
        self
    }

    /// Appends what the program prints to a file instead of showing it.
    #[must_use]
    pub fn log(mut self, file: impl Into<PathBuf>) -> Self {
        self.log = Some(file.into());
        self
    }

    /// Writes standard output to a file instead of showing it.
    #[must_use]
    pub fn stdout(mut self, file: impl Into<PathBuf>) -> Self {
        self.stdout = Some(file.into());
        self
    }

    /// Hands what the program prints to whoever takes it from the process: [`crate::process::Process::lines`].
    pub(crate) fn piped(mut self) -> Self {
        self.piped = true;
        self
    }

    /// What a person would type, without whole scripts.
    #[must_use]
    pub fn line(&self) -> String {
        let args = self.args.iter().map(|arg| arg.to_string_lossy());
        let args = args.map(|arg| if arg.contains('\n') { "…".into() } else { arg });
        std::iter::once(self.name.as_str().into()).chain(args).collect::<Vec<_>>().join(" ")
    }

    /// The last lines of the log, for an error message.
    pub(crate) fn log_tail(&self) -> String {
        let Some(file) = &self.log else { return String::new() };
        let log =
            std::fs::read(file).map(|log| String::from_utf8_lossy(&log).into_owned()).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let tail = lines[lines.len().saturating_sub(15)..].join("\n  ");
        format!("; the end of {}:\n  {tail}", file.display())
    }

    /// The command for `process`, which makes the leader of a process group of it.
    pub(crate) fn command(&self) -> Result<Command> {
        let mut command = match programs::setpriv() {
            Some(setpriv) => self.through(setpriv),
            None => self.directly(),
        };
        if self.bare {
            command.env_clear();
        }
        command.args(&self.args).envs(self.env.iter().cloned()).current_dir(&self.dir);
        for name in &self.without {
            command.env_remove(name);
        }
        for name in settings::about_this_crate() {
            command.env_remove(name);
        }
        command.process_group(0).kill_on_drop(true).stdin(Stdio::null());
        if let Some(file) = &self.log {
            let context = || format!("open {}", file.display());
            let log = File::options().append(true).create(true).open(file).context(context())?;
            command.stderr(log.try_clone().context(context())?).stdout(log);
        }
        if let Some(file) = &self.stdout {
            command.stdout(File::create(file).context(format!("write {}", file.display()))?);
        }
        if self.piped {
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
        }
        Ok(command)
    }

    /// `setpriv` replaces itself with the program, so the process id stays the same.
    fn through(&self, setpriv: &Path) -> Command {
        let mut command = Command::new(setpriv);
        command.args(["--pdeathsig", "KILL"]);
        if let Some(User { uid, gid }) = self.user {
            command.args([format!("--reuid={uid}"), format!("--regid={gid}"), "--clear-groups".into()]);
        }
        command.arg("--").arg(&self.program);
        command
    }

    fn directly(&self) -> Command {
        let mut command = Command::new(&self.program);
        if let Some(user) = self.user {
            command.uid(user.uid).gid(user.gid);
        }
        command
    }
}
