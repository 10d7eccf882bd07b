//! Installing into `target/tools/<name>-<version>`: complete or not at all, by one xtask at a time.

use std::{
    fs::{self, File},
    path::Path,
    time::{Duration, Instant},
};

use tokio::time::sleep;

use super::{Tool, way::Way};
use crate::{
    Error, Result,
    error::Context,
    folder::{remove_tree, try_lock},
    launch::Launch,
    process::Process,
};

/// The program from an earlier installation, or installed now.
///
/// The folder's name carries the version and it gets that name last, so whatever has it is complete.
pub(super) async fn tool(tools: &Path, way: &Way, names: &[&str]) -> Result<Tool> {
    let done = tools.join(way.folder());
    if !done.is_dir() {
        fs::create_dir_all(tools).context(format!("create {}", tools.display()))?;
        let _lock = lock(tools).await?;
        if !done.is_dir() {
            install(tools, way, &done).await?;
        }
    }
    Tool::installed(done, names)
}

async fn install(tools: &Path, way: &Way, done: &Path) -> Result<()> {
    println!("Installing {way} …");
    let started = Instant::now();
    let partial = tools.join("partial");
    remove_tree(&partial);
    fs::create_dir(&partial).context(format!("create {}", partial.display()))?;
    way.install(&partial).await?;
    // Whatever our umask says, `nobody` may have to run this.
    run(Launch::new("chmod", "chmod").args(["-R", "a+rX"]).path(&partial), &partial).await?;
    fs::rename(&partial, done).context(format!("create {}", done.display()))?;
    println!("Installed {way} in {:.0} s", started.elapsed().as_secs_f32());
    Ok(())
}

/// Runs one step of an installation; what it prints is shown only if it fails.
pub(super) async fn run(launch: Launch, partial: &Path) -> Result<()> {
    let log = partial.with_extension("log");
    let _ = fs::remove_file(&log);
    let launch = launch.log(&log);
    let status = Process::spawn(&launch).await?.wait().await?;
    if status.success() {
        return Ok(());
    }
    Err(Error::new(format!("`{}` failed: {status}{}", launch.line(), launch.last_words())))
}

async fn lock(tools: &Path) -> Result<File> {
    let mut told = false;
    loop {
        if let Some(lock) = try_lock(&tools.join(".lock"))? {
            return Ok(lock);
        }
        if !told {
            println!("Waiting for another xtask that is installing tools …");
            told = true;
        }
        sleep(Duration::from_millis(200)).await;
    }
}
