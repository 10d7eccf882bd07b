//! The functions behind `cargo lambda watch`, each a process with variables of its own: starting them, waiting for
//! them, ending all of them.

use std::{future::poll_fn, pin::pin, process::ExitStatus, task::Poll, time::Duration};

use tokio::{
    net::TcpStream,
    time::{Instant, sleep, timeout},
};

use crate::{Error, Result, http, launch::Launch, process::Process};

/// What the emulator is called among the functions. It comes first.
pub(super) const EMULATOR: &str = "cargo-lambda";

const START: Duration = Duration::from_mins(1);

const PAUSE: Duration = Duration::from_millis(50);

/// The emulator and the functions behind it. Dropping it ends them all.
#[derive(Debug)]
pub(super) struct Functions {
    port: u16,
    running: Vec<(Launch, Process)>,
}

impl Functions {
    /// Starts the emulator, which listens on `port`, and then the functions. Returns when each function has answered,
    /// with a line on the terminal for each.
    pub(super) async fn start(port: u16, launches: &[Launch]) -> Result<Self> {
        let mut functions = Self { port, running: Vec::new() };
        for launch in launches {
            functions.begin(launch.clone()).await?;
        }
        Ok(functions)
    }

    /// Ends everything and starts it anew.
    pub(super) async fn start_again(&mut self, launches: &[Launch]) -> Result<()> {
        self.end().await;
        *self = Self::start(self.port, launches).await?;
        Ok(())
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
            self.running[nth].1 = Process::spawn(&launch).await?;
            self.until_ready(nth).await?;
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

    async fn begin(&mut self, launch: Launch) -> Result<()> {
        let process = Process::spawn(&launch).await?;
        self.running.push((launch, process));
        self.until_ready(self.running.len() - 1).await
    }

    /// Returns when this one has answered.
    async fn until_ready(&mut self, nth: usize) -> Result<()> {
        let (launch, port, began) = (self.running[nth].0.clone(), self.port, Instant::now());
        let name = launch.name.clone();
        // All of them write to the same log, if to any.
        let last_words = || launch.last_words();
        tokio::select! {
            in_time = timeout(START, answered(&name, port)) => {
                let silent = || format!("{name} did not answer within {} s{}", START.as_secs(), last_words());
                in_time.map_err(|_| Error::new(silent()))?;
            }
            // Others that end are started again after this one; without the emulator nobody is.
            ended = self.ended(|other| other == nth || other == 0) => {
                let (nth, how) = ended?;
                let name = &self.running[nth].0.name;
                return Err(Error::new(format!("{name} ended ({how}){}", last_words())));
            }
        }
        if name != EMULATOR {
            println!("{name:<12} ready in {:.1} s", began.elapsed().as_secs_f32());
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
    let (method, path, body) = cheap_request(name);
    loop {
        match http::send(method, &format!("http://127.0.0.1:{port}{path}"), body).await {
            Ok(answer) if !is_from_the_emulator(&answer) => return,
            _ => sleep(PAUSE).await,
        }
    }
}

/// Something that changes nothing and uses up nobody's quota.
fn cheap_request(function: &str) -> (&'static str, &'static str, &'static str) {
    match function {
        "books" => ("GET", "/books?page_size=1", ""),
        "auth" => ("GET", "/.well-known/jwks.json", ""),
        "rl-demo" => ("OPTIONS", "/lambda-url/rl-demo/rl-demo/ping", ""),
        "bf-demo" => ("OPTIONS", "/lambda-url/bf-demo/bf-demo/login", ""),
        "system" => ("GET", "/health", ""),
        _ => ("POST", "/2015-03-31/functions/maintenance/invocations", r#"{"task":"migrate"}"#),
    }
}

/// cargo-lambda's own complaints are problem documents with a `detail` and a `title`, of status 404 or 5xx.
fn is_from_the_emulator(answer: &http::Answer) -> bool {
    let complains = answer.status == 404 || answer.status >= 500;
    complains && answer.body.contains("\"detail\"") && answer.body.contains("\"title\"")
}
