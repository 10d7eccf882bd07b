//! The log: one JSON object a line on standard output, where Lambda collects it.

use tracing::level_filters::LevelFilter;

use crate::env::{Env, Error};

/// Starts logging at the level of `LOG_LEVEL` (`error`, `warn`, `info`, `debug`, `trace`, `off`; default `info`).
///
/// A second call changes nothing, so that tests may call it freely.
pub fn start(env: &Env) -> Result<(), Error> {
    let level = env.parsed("LOG_LEVEL", LevelFilter::INFO)?;
    let _ = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_max_level(level)
        .try_init();
    Ok(())
}
