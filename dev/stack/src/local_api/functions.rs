//! The functions behind `cargo lambda watch`, each a process with variables of its own: starting them, waiting for
//! them, ending all of them.

use std::{future::poll_fn, pin::pin, process::ExitStatus, sync::Arc, task::Poll, time::Duration};

use serde_json::Value;
use tokio::{
    net::TcpStream,
    time::{sleep, timeout},
};

use super::{cargo_lambda, log_view::LogView};
use crate::{Error, Result, environment::http_event, http, process::Process, process_spec::ProcessSpec};

const START: Duration = Duration::from_mins(1);

/// How long one probe may take: as long as a function under load needs for its first event.
const PROBE: Duration = Duration::from_secs(2);

const PAUSE: Duration = Duration::from_millis(50);

/// cargo-lambda and the functions behind it. Dropping it ends them all.
#[derive(Debug)]
pub(super) struct Functions {
    port: u16,
    log: Arc<LogView>,
    running: Vec<(ProcessSpec, Process)>,
}

impl Functions {
    /// Starts cargo-lambda, which listens on `port`, and then the functions. Returns when each function has answered.
    pub(super) async fn start(port: u16, specs: Vec<ProcessSpec>, log: Arc<LogView>) -> Result<Self> {
        let mut functions = Self { port, log, running: Vec::new() };
        functions.begin(specs).await?;
        Ok(functions)
    }

    /// Ends everything and starts it anew.
    pub(super) async fn start_again(&mut self, specs: Vec<ProcessSpec>) -> Result<()> {
        self.end().await;
        self.begin(specs).await
    }

    /// Starts functions again that end by themselves; returns if cargo-lambda ends, or a function does not come back.
    /// May be dropped at any time.
    pub(super) async fn supervise(&mut self) -> Result<()> {
        loop {
            let (nth, how) = self.ended(|_| true).await?;
            let spec = self.running[nth].0.clone();
            if spec.name == cargo_lambda::NAME {
                return Err(Error::new(format!("{} ended by itself ({how})", cargo_lambda::NAME)));
            }
            println!("{} ended ({how}); starting it again …", spec.name);
            self.log.show(false);
            self.running[nth].1 = self.spawn(&spec).await?;
            self.until_ready(nth).await?;
            self.log.show(true);
        }
    }

    /// The processes that run, by their ids, cargo-lambda first.
    pub(super) fn ids(&self) -> Vec<u32> {
        self.running.iter().filter_map(|(_, process)| process.id()).collect()
    }

    /// Ends everything at once and returns when it is gone.
    pub(super) async fn stop(mut self) {
        self.end().await;
    }

    async fn begin(&mut self, specs: Vec<ProcessSpec>) -> Result<()> {
        self.log.show(false);
        for spec in specs {
            let process = self.spawn(&spec).await?;
            self.running.push((spec, process));
            if self.running.len() == 1 {
                // The functions would end at once without cargo-lambda.
                self.until_ready(0).await?;
            }
        }
        for nth in 1..self.running.len() {
            self.until_ready(nth).await?;
        }
        self.log.show(true);
        Ok(())
    }

    async fn spawn(&self, spec: &ProcessSpec) -> Result<Process> {
        let (log, name) = (self.log.clone(), spec.name.clone());
        Process::observe(spec, move |line| log.take(&name, &line)).await
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
            // Others that end are started again after this one; without cargo-lambda nobody is.
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

    /// cargo-lambda last: functions that lose it print errors.
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

/// Returns when cargo-lambda listens, or when the function behind it has answered.
async fn answered(name: &str, port: u16) {
    if name == cargo_lambda::NAME {
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            sleep(PAUSE).await;
        }
        return;
    }
    // Changes nothing and uses up nobody's quota. `maintenance` answers it with an error: it is no task.
    let probe = http_event("OPTIONS", "/", "", "").to_string();
    let url = format!("http://127.0.0.1:{port}/2015-03-31/functions/{name}/invocations");
    loop {
        // An event that is handed to a process which has just been killed gets no response.
        let response = timeout(PROBE, http::send("POST", &url, &probe)).await;
        if response.is_ok_and(|sent| sent.is_ok_and(|response| is_from_a_function(&response))) {
            return;
        }
        sleep(PAUSE).await;
    }
}

/// A function answers HTTP events with a `statusCode` and others with an `errorType`, cargo-lambda with neither.
fn is_from_a_function(response: &http::Response) -> bool {
    let body: Value = serde_json::from_str(&response.body).unwrap_or_default();
    body.get("statusCode").is_some() || body.get("errorType").is_some()
}
