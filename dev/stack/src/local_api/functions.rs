//! The functions behind `cargo lambda watch`, each a process with variables of its own: starting them, waiting for
//! them, ending all of them.

use std::{future::poll_fn, pin::pin, process::ExitStatus, sync::Arc, task::Poll, time::Duration};

use serde_json::Value;
use tokio::{
    net::TcpStream,
    time::{sleep, timeout},
};

use super::log_view::LogView;
use crate::{Error, Result, environment::http_event, http, launch::Launch, process::Process};

/// What the emulator is called among the functions. It comes first.
pub(super) const EMULATOR: &str = "cargo-lambda";

const START: Duration = Duration::from_mins(1);

const PAUSE: Duration = Duration::from_millis(50);

/// The emulator and the functions behind it. Dropping it ends them all.
#[derive(Debug)]
pub(super) struct Functions {
    port: u16,
    log: Arc<LogView>,
    running: Vec<(Launch, Process)>,
}

impl Functions {
    /// Starts the emulator, which listens on `port`, and then the functions. Returns when each function has answered.
    pub(super) async fn start(port: u16, launches: Vec<Launch>, log: Arc<LogView>) -> Result<Self> {
        let mut functions = Self { port, log, running: Vec::new() };
        functions.begin(launches).await?;
        Ok(functions)
    }

    /// Ends everything and starts it anew.
    pub(super) async fn start_again(&mut self, launches: Vec<Launch>) -> Result<()> {
        self.end().await;
        self.begin(launches).await
    }

    /// Starts functions again that end by themselves; returns if the emulator ends, or a function does not come back.
    /// May be dropped at any time.
    pub(super) async fn keep_running(&mut self) -> Result<()> {
        loop {
            let (nth, how) = self.ended(|_| true).await?;
            let launch = self.running[nth].0.clone();
            if launch.name == EMULATOR {
                return Err(Error::new(format!("{EMULATOR} ended by itself ({how})")));
            }
            println!("{} ended ({how}); starting it again …", launch.name);
            self.log.show(false);
            self.running[nth].1 = self.spawn(&launch).await?;
            self.until_ready(nth).await?;
            self.log.show(true);
        }
    }

    /// The processes that run, by their ids, the emulator first.
    pub(super) fn ids(&self) -> Vec<u32> {
        self.running.iter().filter_map(|(_, process)| process.id()).collect()
    }

    /// Ends everything at once and returns when it is gone.
    pub(super) async fn stop(mut self) {
        self.end().await;
    }

    async fn begin(&mut self, launches: Vec<Launch>) -> Result<()> {
        self.log.show(false);
        for launch in launches {
            let process = self.spawn(&launch).await?;
            self.running.push((launch, process));
            if self.running.len() == 1 {
                // The functions would end at once without the emulator.
                self.until_ready(0).await?;
            }
        }
        for nth in 1..self.running.len() {
            self.until_ready(nth).await?;
        }
        self.log.show(true);
        Ok(())
    }

    async fn spawn(&self, launch: &Launch) -> Result<Process> {
        let (log, name) = (self.log.clone(), launch.name.clone());
        Process::observe(launch, move |line| log.take(&name, &line)).await
    }

    /// Returns when this one has answered.
    async fn until_ready(&mut self, nth: usize) -> Result<()> {
        let (name, port, log) = (self.running[nth].0.name.clone(), self.port, self.log.file().to_owned());
        let see = || format!("; see {}", log.display());
        tokio::select! {
            in_time = timeout(START, answered(&name, port)) => {
                let silent = || format!("{name} did not answer within {} s{}", START.as_secs(), see());
                in_time.map_err(|_| Error::new(silent()))?;
            }
            // Others that end are started again after this one; without the emulator nobody is.
            ended = self.ended(|other| other == nth || other == 0) => {
                let (nth, how) = ended?;
                let name = &self.running[nth].0.name;
                return Err(Error::new(format!("{name} ended ({how}){}", see())));
            }
        }
        Ok(())
    }

    /// Returns which of those that are `looked_at` has ended, and how. May be dropped at any time.
    async fn ended(&mut self, looked_at: impl Fn(usize) -> bool) -> Result<(usize, ExitStatus)> {
        poll_fn(|context| {
            for (nth, (_, process)) in self.running.iter_mut().enumerate().filter(|(nth, _)| looked_at(*nth))
            {
                if let Poll::Ready(status) = pin!(process.wait()).poll(context) {
                    return Poll::Ready(status.map(|status| (nth, status)));
                }
            }
            Poll::Pending
        })
        .await
    }

    /// The emulator last: functions that lose it print errors.
    async fn end(&mut self) {
        while let Some((_, mut process)) = self.running.pop() {
            process.kill().await;
        }
    }
}

impl Drop for Functions {
    fn drop(&mut self) {
        while self.running.pop().is_some() {}
    }
}

/// Returns when the emulator listens, or when the function behind it has answered.
async fn answered(name: &str, port: u16) {
    if name == EMULATOR {
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            sleep(PAUSE).await;
        }
        return;
    }
    // Changes nothing and uses up nobody's quota. `maintenance` answers it with an error: it is no task.
    let probe = http_event("OPTIONS", "/", "", "").to_string();
    let url = format!("http://127.0.0.1:{port}/2015-03-31/functions/{name}/invocations");
    while !http::send("POST", &url, &probe).await.is_ok_and(|response| is_from_a_function(&response)) {
        sleep(PAUSE).await;
    }
}

/// A function answers HTTP events with a `statusCode` and others with an `errorType`, the emulator with neither.
fn is_from_a_function(response: &http::Response) -> bool {
    let body: Value = serde_json::from_str(&response.body).unwrap_or_default();
    body.get("statusCode").is_some() || body.get("errorType").is_some()
}
