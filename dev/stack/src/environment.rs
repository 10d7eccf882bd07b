//! An execution environment: the real binary of a function in a process of its own, behind a small Lambda runtime API.
//!
//! Lambda starts a binary, and the binary asks the runtime API for one event after another and posts its answers there.
//! Here this program is that API: it queues events, measures no time, and can kill, stop and continue the process as
//! Lambda does with a sandbox.

mod failure;
mod runtime_api;
mod runtime_interface_emulator;

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::ExitStatus,
    sync::Arc,
};

use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::{
    sync::{mpsc, watch},
    task::AbortHandle,
};

use self::runtime_api::RuntimeApi;
pub use self::{failure::Failure, runtime_interface_emulator::RuntimeInterfaceEmulator};
use crate::{
    Error, Result, cache_users,
    process::Process,
    process_spec::ProcessSpec,
    random,
    workspace::{self, MAINTENANCE},
};

/// `url` for `function`: signed in as before, it acts as the role `bookshelf_<function>` from the first statement on,
/// so that a right it lacks fails here as it would in production. `maintenance` keeps all rights.
///
/// The role that signs in must be a member of that one, as the one that migrated is.
#[must_use]
pub fn under_role(function: &str, url: &str) -> String {
    if function == MAINTENANCE {
        return url.to_owned();
    }
    let separator = if url.contains('?') { '&' } else { '?' };
    format!("{url}{separator}options=-c%20role%3D{}", role_of(function))
}

/// The `variables` of a stack for `function` alone: it acts [under its role](under_role), signs in to the cache as its
/// [user](crate::cache_users), and cannot administer the cache.
pub fn variables_of(
    function: &str,
    variables: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>> {
    let mut variables = variables.clone();
    if let Some(url) = variables.get_mut("DATABASE_URL") {
        *url = under_role(function, url);
    }
    cache_users::restrict(function, &mut variables)?;
    Ok(variables)
}

/// The database role that a migration makes for `function`, if it has a database.
pub(crate) fn role_of(function: &str) -> String {
    format!("bookshelf_{}", function.replace('-', "_"))
}

/// An HTTP request as the event of an HTTP API, payload version 2.0. `path` is that of a route without parameters.
#[must_use]
pub(crate) fn http_event(method: &str, path: &str, media_type: &str, body: &str) -> Value {
    json!({
        "version": "2.0",
        "routeKey": format!("ANY {path}"),
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"content-type": media_type},
        "requestContext": {
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1"},
            "stage": "$default",
            "timeEpoch": 0,
        },
        "body": body,
        "isBase64Encoded": false,
    })
}

/// One running process of a function. Clones are the same one; with the last of them it is killed.
///
/// It takes one event at a time, and `AWS_LAMBDA_MAX_CONCURRENCY` of them if that variable is given; others queue.
#[derive(Clone)]
pub struct ExecutionEnvironment(Arc<Inner>);

struct Inner {
    pid: u32,
    api: RuntimeApi,
    signals: mpsc::UnboundedSender<Signal>,
    ended: watch::Receiver<Option<ExitStatus>>,
    supervisor: AbortHandle,
    log: Log,
}

impl ExecutionEnvironment {
    /// Starts the binary of `function`, built from the sources as they are, with [its own](variables_of) of these
    /// variables and no others.
    ///
    /// Returns before the function has: one that can't start fails its first invocation.
    pub async fn start(function: &str, variables: &BTreeMap<String, String>) -> Result<Self> {
        let variables = variables_of(function, variables)?;
        let variables = variables.into_iter().map(|(name, value)| (name.into(), value.into()));
        Self::run(function, &workspace::binary(function).await?, &[], variables).await
    }

    /// Starts `binary` as `function`, with these arguments, these variables, which need not be text, and no others.
    pub async fn run(
        function: &str,
        binary: &Path,
        args: &[&str],
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self> {
        let api = RuntimeApi::start(function).await?;
        let log = Log(std::env::temp_dir().join(format!("{function}-{}.log", random::token()?)));
        let spec = ProcessSpec::new(function, binary)
            .bare()
            .args(args)
            .env("AWS_LAMBDA_RUNTIME_API", api.address().to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", function)
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .log(&log.0);
        let spec = variables.into_iter().fold(spec, |spec, (name, value)| spec.env(name, value));
        let process = Process::spawn(&spec).await?;
        let pid = process.id().ok_or_else(|| Error::new(format!("{function} ended at once")))?;
        let (signals, orders) = mpsc::unbounded_channel();
        let (end, ended) = watch::channel(None);
        let supervisor = tokio::spawn(supervise(process, orders, end, api.clone())).abort_handle();
        Ok(Self(Arc::new(Inner { pid, api, signals, ended, supervisor, log })))
    }

    /// Hands the process an event, a JSON text.
    ///
    /// # Errors
    /// The failure that the function reports, or one that says how the process ended before it answered.
    pub async fn invoke(&self, event: &str) -> Result<Value, Failure> {
        self.invoke_bytes(event.as_bytes()).await
    }

    /// Hands the process an event that need not be text. Fails also when it ends before it has answered.
    pub async fn invoke_bytes(&self, event: &[u8]) -> Result<Value, Failure> {
        tokio::select! {
            biased;
            answer = self.0.api.invoke(event) => answer,
            status = self.ended() => Err(Failure {
                error_type: "Runtime.ExitError".into(),
                error_message: format!("{status:?}; it said: {}", self.log()),
            }),
        }
    }

    /// The id of the process, also after its end.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.0.pid
    }

    /// Whether the process has not ended.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.0.ended.borrow().is_none()
    }

    /// Returns how the process ended, when it has.
    pub async fn ended(&self) -> Option<ExitStatus> {
        let mut ended = self.0.ended.clone();
        ended.wait_for(Option::is_some).await.ok().and_then(|status| *status)
    }

    /// Kills the process (SIGKILL) and returns when it is gone. What it was answering fails.
    pub async fn kill(&self) -> Option<ExitStatus> {
        self.signal(Signal::KILL);
        self.ended().await
    }

    /// Asks the process to end (SIGTERM) and returns when it has.
    pub async fn terminate(&self) -> Option<ExitStatus> {
        self.signal(Signal::TERM);
        self.ended().await
    }

    /// Stops the process (SIGSTOP), as Lambda freezes a sandbox between two events.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets a frozen process go on (SIGCONT).
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    /// What the process has printed so far.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read(&self.0.log.0).map(|log| String::from_utf8_lossy(&log).into_owned()).unwrap_or_default()
    }

    fn signal(&self, signal: Signal) {
        // Nobody listens any more when the process has ended.
        let _ = self.0.signals.send(signal);
    }
}

impl Drop for Inner {
    /// The supervisor owns the process, which is killed when it is dropped.
    fn drop(&mut self) {
        self.supervisor.abort();
    }
}

/// Passes signals on until the process ends, and tells of it when everything that it sent has been read.
async fn supervise(
    mut process: Process,
    mut orders: mpsc::UnboundedReceiver<Signal>,
    end: watch::Sender<Option<ExitStatus>>,
    api: RuntimeApi,
) {
    let status = loop {
        tokio::select! {
            status = process.wait() => break status,
            Some(signal) = orders.recv() => process.signal(signal),
        }
    };
    api.drained().await;
    end.send_replace(status.ok());
}

/// A file that goes when this does.
struct Log(PathBuf);

impl Drop for Log {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
