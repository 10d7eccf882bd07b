//! A server of the stack: started, stopped, killed, and started again on the same port with its data.

mod dynamodb;
mod moto;
mod postgres;
mod redis;

use std::time::Duration;

use rustix::process::Signal;
use tokio::time::{Instant, sleep, timeout};

pub(crate) use self::{
    dynamodb::prepare as dynamodb, postgres::prepare as postgres, redis::prepare as redis,
};
use crate::{Error, Result, launch::Launch, process::Process};

const START: Duration = Duration::from_secs(30);
const STOP: Duration = Duration::from_secs(5);

/// One of our servers.
#[derive(Debug)]
pub struct Server {
    name: &'static str,
    url: String,
    launch: Launch,
    ready: Ready,
    stop_with: Signal,
    process: Option<Process>,
}

/// How to find out whether a server answers.
#[derive(Debug)]
enum Ready {
    Postgres(Box<tokio_postgres::Config>),
    Redis { port: u16, password: String },
    Http { port: u16 },
}

impl Server {
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

    /// The process id, as long as the server has not ended.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.process.as_ref().and_then(Process::id)
    }

    /// Starts the server and returns when it answers.
    pub async fn start(&mut self) -> Result<()> {
        let mut process = Process::spawn(&self.launch).await?;
        let deadline = Instant::now() + START;
        while !self.ready.answers().await {
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

    fn failed(&self, how: &str) -> Error {
        Error::new(format!("{} {how}{}", self.name, self.launch.last_words()))
    }
}

impl Ready {
    async fn answers(&self) -> bool {
        let asking = async {
            match self {
                Self::Postgres(config) => postgres::answers(config).await,
                Self::Redis { port, password } => redis::answers(*port, password).await,
                Self::Http { port } => {
                    crate::http::send("GET", &format!("http://127.0.0.1:{port}/"), "").await.is_ok()
                }
            }
        };
        timeout(Duration::from_secs(1), Box::pin(asking)).await.unwrap_or(false)
    }
}
