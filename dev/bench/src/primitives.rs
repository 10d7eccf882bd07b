//! Measures single operations of the stores and the password hash, by the program in `dev/bench/primitives`.
//!
//! That program is built in the profile of the functions, which this one is not. It executes one JSON command after
//! another and answers with the time that each took.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use stack::{Context as _, Error, Result};

/// The running program. Dropping it ends the process.
pub(super) struct Primitives {
    child: Child,
    pipes: Mutex<(ChildStdin, BufReader<ChildStdout>)>,
}

impl Primitives {
    pub(super) fn start(program: &Path) -> Result<Self> {
        let mut command = Command::new(program);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("start dev/bench/primitives")?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let (input, output) = pipes.ok_or_else(|| Error::new("dev/bench/primitives has no pipes"))?;
        Ok(Self { child, pipes: Mutex::new((input, BufReader::new(output))) })
    }

    /// One PING through the Redis client that the functions use.
    pub(super) fn ping(&self, redis: &str) -> Result<Duration> {
        self.execute(&json!({"do": "ping", "url": redis}))
    }

    /// One PING on a blocking socket.
    pub(super) fn socket_ping(&self, redis: &str) -> Result<Duration> {
        self.execute(&json!({"do": "socket_ping", "url": redis}))
    }

    /// One password hash.
    pub(super) fn bcrypt(&self, cost: u32) -> Result<Duration> {
        self.execute(&json!({"do": "bcrypt", "cost": cost}))
    }

    /// SQL statements one after another, in the format of [`crate::wire::statements`].
    pub(super) fn query(&self, postgres: &str, statements: &Value) -> Result<Duration> {
        self.execute(&json!({"do": "query", "url": postgres, "statements": statements}))
    }

    /// Redis commands in one round trip, in the format of [`crate::wire::commands`].
    pub(super) fn commands(&self, redis: &str, commands: &Value) -> Result<Duration> {
        self.execute(&json!({"do": "commands", "url": redis, "commands": commands}))
    }

    /// Redis commands and SQL statements at the same time.
    pub(super) fn at_once(
        &self,
        stores: [&str; 2],
        commands: &Value,
        statements: &Value,
    ) -> Result<Duration> {
        let [redis, postgres] = stores;
        self.execute(&json!({
            "do": "at_once",
            "redis": redis,
            "postgres": postgres,
            "commands": commands,
            "statements": statements,
        }))
    }

    fn execute(&self, command: &Value) -> Result<Duration> {
        let mut pipes = self.pipes.lock().unwrap_or_else(PoisonError::into_inner);
        let (input, output) = &mut *pipes;
        writeln!(input, "{command}").context("send a command to dev/bench/primitives")?;
        let mut line = String::new();
        output.read_line(&mut line).context("read from dev/bench/primitives")?;
        let nanoseconds = line.trim().parse().map(Duration::from_nanos);
        nanoseconds.map_err(|_| Error::new(format!("dev/bench/primitives failed: {}", line.trim())))
    }
}

impl Drop for Primitives {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
