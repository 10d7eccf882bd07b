//! Starts a function as a process and invokes it, measuring the time and the CPU that it takes.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use stack::{Context as _, Error, Result};

use crate::event::Request;
use crate::processes;
use crate::runtime_api::RuntimeApi;

/// A program that asks a runtime API for events, and how to start it.
#[derive(Clone, Debug)]
pub(super) struct Program {
    pub(super) name: String,
    pub(super) command: Vec<PathBuf>,
    pub(super) dir: PathBuf,
    pub(super) variables: Vec<(String, String)>,
    pub(super) log: PathBuf,
}

/// A running program. Dropping it ends the process.
pub(super) struct RunningProgram {
    name: String,
    child: Child,
    log: PathBuf,
    api: Mutex<RuntimeApi>,
}

/// One invocation.
#[derive(Clone, Debug)]
pub(super) struct Invocation {
    /// From the first byte of the event, or for a cold start from the start of the process, to the last byte of the
    /// response.
    pub(super) wall: Duration,
    /// The CPU time of all threads, until the function asked for the next event. Not measured for a cold start.
    pub(super) cpu: Option<Duration>,
    /// The status of the HTTP response.
    pub(super) status: u64,
    /// The body of the HTTP response.
    pub(super) body: String,
}

impl Program {
    /// The same program with a variable set.
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.retain(|(other, _)| other != name);
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The value of a variable, empty if there is none.
    pub(super) fn variable(&self, name: &str) -> &str {
        self.variables.iter().find(|(other, _)| other == name).map_or("", |(_, value)| value)
    }

    /// Starts the program.
    pub(super) fn start(&self) -> Result<RunningProgram> {
        let api = RuntimeApi::listen()?;
        let address = api.address().to_string();
        Ok(self.spawn(api, &address)?.0)
    }

    /// Starts the program with the runtime API of another program, which then invokes it.
    pub(super) fn start_with_runtime_api(&self, address: &str) -> Result<RunningProgram> {
        Ok(self.spawn(RuntimeApi::listen()?, address)?.0)
    }

    /// Starts the program, invokes it once and ends it.
    pub(super) fn cold_start(&self, request: &Request) -> Result<Invocation> {
        let event = request.event();
        let api = RuntimeApi::listen()?;
        let address = api.address().to_string();
        let (running, started) = self.spawn(api, &address)?;
        let mut api = running.api();
        let exchange = api.await_idle().and_then(|()| api.exchange(&event));
        let exchange = exchange.map_err(|error| running.explain(&error))?;
        invocation(exchange.answered - started, None, &exchange.body)
    }

    /// Starts the process, and returns it with the time right before the start.
    fn spawn(&self, api: RuntimeApi, address: &str) -> Result<(RunningProgram, Instant)> {
        let mut command = Command::new(&self.command[0]);
        let log = File::options().append(true).create(true).open(&self.log);
        let log = log.context(format!("open {}", self.log.display()))?;
        command.args(&self.command[1..]).current_dir(&self.dir).env_clear().stdin(Stdio::null());
        command.stderr(log.try_clone().context("share a log")?).stdout(log);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.env("AWS_LAMBDA_RUNTIME_API", address).env("AWS_LAMBDA_FUNCTION_NAME", &self.name);
        command.env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128").env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST");
        let started = Instant::now();
        let child = command.spawn().context(format!("start {}", self.command[0].display()))?;
        let api = Mutex::new(api);
        Ok((RunningProgram { name: self.name.clone(), child, log: self.log.clone(), api }, started))
    }
}

impl RunningProgram {
    /// Invokes the function once it is idle.
    pub(super) fn invoke(&self, request: &Request) -> Result<Invocation> {
        self.measure(&request.event()).map_err(|error| self.explain(&error))
    }

    fn measure(&self, event: &str) -> Result<Invocation> {
        let mut api = self.api();
        api.await_idle()?;
        let before = processes::cpu(self.child.id());
        let exchange = api.exchange(event)?;
        // The work between the response and the next request for an event is part of the cost of this one.
        api.await_idle()?;
        let cpu =
            processes::cpu(self.child.id()).zip(before).map(|(after, before)| after.saturating_sub(before));
        invocation(exchange.answered - exchange.started, cpu, &exchange.body)
    }

    /// The largest resident memory of the process so far, in bytes.
    pub(super) fn peak_memory(&self) -> Option<u64> {
        processes::peak_memory(self.child.id())
    }

    fn api(&self) -> MutexGuard<'_, RuntimeApi> {
        self.api.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn explain(&self, error: &Error) -> Error {
        Error::new(format!("{}: {error}; its log: {}", self.name, self.log.display()))
    }
}

impl Drop for RunningProgram {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn invocation(wall: Duration, cpu: Option<Duration>, body: &[u8]) -> Result<Invocation> {
    let response: Value = serde_json::from_slice(body).context("read a response")?;
    let body = response["body"].as_str().unwrap_or_default().to_owned();
    Ok(Invocation { wall, cpu, status: response["statusCode"].as_u64().unwrap_or_default(), body })
}
