//! Ctrl-C and its relatives.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{Error, Result, error::Context};

/// Returns when the person or the system wants us to end.
pub async fn interrupted() -> Result<()> {
    let [mut interrupt, mut terminate, mut hangup] =
        [listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?, listen(SignalKind::hangup())?];
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
    Ok(())
}

/// Does `work`, or drops it when asked to end; whatever it started ends with it.
pub async fn unless_interrupted<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::select! {
        done = work => done,
        asked = interrupted() => Err(asked.err().unwrap_or_else(Error::interrupted)),
    }
}

fn listen(kind: SignalKind) -> Result<Signal> {
    signal(kind).context("listen for signals")
}
