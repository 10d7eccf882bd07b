//! The functions under `cargo lambda watch`: starting them, waiting for them, ending all of them.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::family::Family;
use crate::{Error, Result, http, launch::Launch, process::Process, workspace::FUNCTIONS};

const START: Duration = Duration::from_mins(1);

/// The emulator and what it started. Dropping it ends them all.
#[derive(Debug)]
pub(super) struct Functions {
    emulator: Process,
}

impl Functions {
    /// Returns when each function has answered, with a line on the terminal for each.
    pub(super) async fn start(emulator: &Launch, port: u16) -> Result<Self> {
        let mut functions = Self { emulator: Process::spawn(emulator).await? };
        for function in FUNCTIONS {
            let started = Instant::now();
            let silent = || format!("{function} did not answer within {} s", START.as_secs());
            tokio::select! {
                answered = timeout(START, answered(function, port)) => {
                    answered.map_err(|_| Error::new(silent() + &emulator.last_words()))?;
                }
                error = functions.ended() => return Err(Error::new(format!("{error}{}", emulator.last_words()))),
            }
            println!("{function:<12} ready in {:.1} s", started.elapsed().as_secs_f32());
        }
        Ok(functions)
    }

    /// Ends everything and starts it anew.
    pub(super) async fn start_again(&mut self, emulator: &Launch, port: u16) -> Result<()> {
        self.end_family();
        self.emulator.kill().await;
        *self = Self::start(emulator, port).await?;
        Ok(())
    }

    /// Returns when the emulator has ended without being asked to.
    pub(super) async fn ended(&mut self) -> Error {
        match self.emulator.wait().await {
            Ok(status) => Error::new(format!("cargo lambda ended by itself ({status})")),
            Err(error) => error,
        }
    }

    /// Ends everything at once and returns when the emulator is gone.
    pub(super) async fn stop(mut self) {
        self.end_family();
        self.emulator.kill().await;
    }

    /// The emulator is held meanwhile: asked politely it prints errors, and left alone it would start
    /// its functions again; and functions that lose it first print errors too.
    fn end_family(&self) {
        if let Some(id) = self.emulator.id() {
            self.emulator.hold();
            Family::of(id).kill();
        }
    }
}

impl Drop for Functions {
    fn drop(&mut self) {
        self.end_family();
    }
}

async fn answered(function: &str, port: u16) {
    let (method, path, body) = cheap_request(function);
    loop {
        match http::send(method, &format!("http://127.0.0.1:{port}{path}"), body).await {
            Ok(answer) if !is_from_the_emulator(&answer) => return,
            _ => sleep(Duration::from_millis(100)).await,
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
