//! A server of the stack: started, stopped, killed, and started again on the same port with its data.

use std::{fmt, pin::Pin, time::Duration};

use rustix::process::Signal;
use tokio::time::{Instant, sleep, timeout};

use crate::{Error, Result, process::Process, process_spec::ProcessSpec};

const START: Duration = Duration::from_secs(30);
/// How long a server that answers may take to do so.
const ANSWER: Duration = Duration::from_secs(1);
const STOP: Duration = Duration::from_secs(5);

/// Tells whether a server answers.
type Ready = Box<dyn Fn() -> Pin<Box<dyn Future<Output = bool> + Send>> + Send + Sync>;

/// A server that this program starts and ends.
pub struct Server {
    name: &'static str,
    url: String,
    admin_url: Option<String>,
    spec: ProcessSpec,
    ready: Ready,
    stop_with: Signal,
    process: Option<Process>,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("name", &self.name)
            .field("process", &self.process)
            .finish_non_exhaustive()
    }
}

impl Server {
    /// A server that is not started yet: `url` is what clients connect to, `ready` tells whether it answers.
    pub(super) fn new<F: Future<Output = bool> + Send + 'static>(
        name: &'static str,
        url: String,
        spec: ProcessSpec,
        ready: impl Fn() -> F + Send + Sync + 'static,
    ) -> Self {
        let ready = Box::new(move || -> Pin<Box<dyn Future<Output = bool> + Send>> { Box::pin(ready()) });
        Self { name, url, admin_url: None, spec, ready, stop_with: Signal::TERM, process: None }
    }

    /// The same, with a second URL for people and tests who look inside.
    pub(super) fn with_admin_url(self, url: String) -> Self {
        Self { admin_url: Some(url), ..self }
    }

    /// The same, asked to end by another signal than SIGTERM.
    pub(super) fn stopped_with(self, signal: Signal) -> Self {
        Self { stop_with: signal, ..self }
    }

    /// `postgres`, `redis`, `dynamodb` or `moto`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// What the functions connect to.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What people and tests connect to who look inside, if that is something else.
    #[must_use]
    pub fn admin_url(&self) -> Option<&str> {
        self.admin_url.as_deref()
    }

    /// The process id, as long as the server has not ended.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.process.as_ref().and_then(Process::id)
    }

    /// Starts the server and returns when it answers.
    pub async fn start(&mut self) -> Result<()> {
        let mut process = Process::spawn(&self.spec).await?;
        let deadline = Instant::now() + START;
        while !self.answers().await {
            if let Some(status) = process.ended() {
                return Err(self.failed(&format!("ended at once ({status})")));
            }
            if Instant::now() > deadline {
                return Err(self.failed(&format!("did not answer within {} s", START.as_secs())));
            }
            sleep(Duration::from_millis(20)).await;
        }
        self.process = Some(process);
        Ok(())
    }

    /// Lets the server end in its own way.
    pub async fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.stop(self.stop_with, STOP).await;
        }
    }

    /// Ends the server as a crash would: `SIGKILL`, nothing flushed, nobody told.
    pub async fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().await;
        }
    }

    /// Returns when the server has ended without being asked to.
    pub(crate) async fn ended(&mut self) -> String {
        match &mut self.process {
            Some(process) => {
                process.wait().await.map_or_else(|error| error.to_string(), |status| status.to_string())
            }
            None => std::future::pending().await,
        }
    }

    /// Starts the server again after it ended by itself.
    ///
    /// Postgres refuses as long as a child of its killed predecessor lives, so this tries for a while.
    pub async fn start_again(&mut self) -> Result<()> {
        self.process = None;
        let mut outcome = Ok(());
        for _ in 0..10 {
            sleep(Duration::from_secs(1)).await;
            outcome = self.start().await;
            if outcome.is_ok() {
                break;
            }
        }
        outcome
    }

    async fn answers(&self) -> bool {
        timeout(ANSWER, (self.ready)()).await.unwrap_or(false)
    }

    fn failed(&self, how: &str) -> Error {
        Error::new(format!("{} {how}{}", self.name, self.spec.log_tail()))
    }
}
