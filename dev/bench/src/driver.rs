//! Starts a function as a process and invokes it, measuring the time and the CPU that it takes.
//!
//! A function's initialisation ends when it asks for its first event. Only from then on is its share of a processor
//! limited, if it has one, as on Lambda.

use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use stack::{Context as _, Error, Result};

use crate::event::Request;
use crate::processes;
use crate::processor_share::{ControlGroup, ProcessorShare};
use crate::runtime_api::RuntimeApi;

/// A program that asks a runtime API for events, and how to start it.
#[derive(Clone, Debug)]
pub(super) struct Program {
    pub(super) name: String,
    pub(super) command: Vec<PathBuf>,
    pub(super) dir: PathBuf,
    pub(super) variables: Vec<(String, String)>,
    pub(super) log: PathBuf,
    /// The share of a processor that it gets after its initialisation; without one it gets all that there is.
    pub(super) share: Option<ProcessorShare>,
}

/// A running program. Dropping it ends the process.
pub(super) struct RunningProgram {
    name: String,
    child: Child,
    log: PathBuf,
    api: Mutex<RuntimeApi>,
    share: Option<ProcessorShare>,
    /// The group that limits it. Removed after the process has ended.
    group: OnceLock<ControlGroup>,
}

/// The first invocation of a process.
#[derive(Clone, Debug)]
pub(super) struct ColdStart {
    /// From the start of the process until it asked for its first event.
    pub(super) init: Duration,
    /// Its `wall` is from the start of the process as well.
    pub(super) invocation: Invocation,
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

    /// The same program with this share of a processor.
    pub(super) fn with_share(self, share: Option<ProcessorShare>) -> Self {
        Self { share, ..self }
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
    pub(super) fn cold_start(&self, request: &Request) -> Result<ColdStart> {
        let event = request.event();
        let api = RuntimeApi::listen()?;
        let address = api.address().to_string();
        let (running, started) = self.spawn(api, &address)?;
        let mut api = running.api();
        let mut cold_start = || {
            let init = api.await_idle()? - started;
            running.limit()?;
            let exchange = api.exchange(&event)?;
            // Limiting the process takes some time, which is not its own.
            let wall = init + (exchange.answered - exchange.started);
            Ok(ColdStart { init, invocation: invocation(wall, None, &exchange.body)? })
        };
        let outcome = cold_start();
        outcome.map_err(|error: Error| running.explain(&error))
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
        command.env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256").env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST");
        // The runtime client of Python has a process for each request that is in flight.
        command.process_group(0);
        let started = Instant::now();
        let child = command.spawn().context(format!("start {}", self.command[0].display()))?;
        let api = Mutex::new(api);
        let (name, log, share, group) = (self.name.clone(), self.log.clone(), self.share, OnceLock::new());
        Ok((RunningProgram { name, child, log, api, share, group }, started))
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
        self.limit()?;
        let before = processes::cpu(self.child.id());
        let exchange = api.exchange(event)?;
        // The work between the response and the next request for an event is part of the cost of this one.
        api.await_idle()?;
        let cpu =
            processes::cpu(self.child.id()).zip(before).map(|(after, before)| after.saturating_sub(before));
        invocation(exchange.answered - exchange.started, cpu, &exchange.body)
    }

    /// Limits the process to its share, once its initialisation is over.
    fn limit(&self) -> Result<()> {
        if let (Some(share), None) = (&self.share, self.group.get()) {
            let _ = self.group.set(share.limit(self.child.id())?);
        }
        Ok(())
    }

    /// The id of the process, and of the group that it makes with its children.
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
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
        processes::kill_group(self.child.id());
        let _ = self.child.wait();
    }
}

fn invocation(wall: Duration, cpu: Option<Duration>, body: &[u8]) -> Result<Invocation> {
    let response: Value = serde_json::from_slice(body).context("read a response")?;
    let body = response["body"].as_str().unwrap_or_default().to_owned();
    Ok(Invocation { wall, cpu, status: response["statusCode"].as_u64().unwrap_or_default(), body })
}
