//! One step of an installation.

use std::{fs, path::Path};

use crate::{Error, Result, launch::Launch, process::Process};

/// Runs a step of the installation into `partial`. Its output is shown only if it fails.
pub(super) async fn run(launch: Launch, partial: &Path) -> Result<()> {
    let log = partial.with_extension("log");
    let _ = fs::remove_file(&log);
    let launch = launch.log(&log);
    let status = Process::spawn(&launch).await?.wait().await?;
    if status.success() {
        return Ok(());
    }
    Err(Error::new(format!("`{}` failed: {status}{}", launch.line(), launch.log_tail())))
}
