//! Installing into `target/tools/<name>-<version>`: complete or not at all, by one process at a time.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use tokio::time::sleep;

use super::{source::Source, step::run, tool::Tool};
use crate::{Result, error::Context, folder::remove_tree, lock::Lock, process_spec::ProcessSpec};

/// The program from an earlier installation, or installed now.
///
/// The folder's name carries the version and it gets that name last, so whatever has it is complete.
pub(super) async fn tool(tools: &Path, source: &Source, names: &[&str]) -> Result<Tool> {
    let done = tools.join(source.folder()?);
    if !done.is_dir() {
        fs::create_dir_all(tools).context(format!("create {}", tools.display()))?;
        let _lock = lock(&done).await?;
        if !done.is_dir() {
            install(source, &done).await?;
        }
    }
    Tool::installed(done, names)
}

async fn install(source: &Source, done: &Path) -> Result<()> {
    println!("Installing {source} …");
    let started = Instant::now();
    let partial = done.with_extension("partial");
    remove_tree(&partial);
    fs::create_dir(&partial).context(format!("create {}", partial.display()))?;
    source.install(&partial).await?;
    // Whatever our umask says, `nobody` may have to run this.
    run(ProcessSpec::new("chmod", "chmod").args(["-R", "a+rX"]).path(&partial), &partial).await?;
    fs::rename(&partial, done).context(format!("create {}", done.display()))?;
    println!("Installed {source} in {:.0} s", started.elapsed().as_secs_f32());
    Ok(())
}

async fn lock(done: &Path) -> Result<Lock> {
    let mut told = false;
    loop {
        if let Some(lock) = Lock::acquire(&done.with_extension("lock"))? {
            return Ok(lock);
        }
        if !told {
            println!("Waiting for another process that installs {} …", done.display());
            told = true;
        }
        sleep(Duration::from_millis(200)).await;
    }
}
