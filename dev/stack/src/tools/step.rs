//! One step of an installation.

use std::{fs, path::Path};

use crate::{Error, Result, process::Process, process_spec::ProcessSpec};

/// Runs a step of the installation into `partial`. Its output is shown only if it fails.
pub(super) async fn run(spec: ProcessSpec, partial: &Path) -> Result<()> {
    let log = partial.with_extension("log");
    let _ = fs::remove_file(&log);
    let spec = spec.log(&log);
    let status = Process::spawn(&spec).await?.wait().await?;
    if status.success() {
        return Ok(());
    }
    Err(Error::new(format!("`{}` failed: {status}{}", spec.line(), spec.log_tail())))
}
