//! Where things are: the workspace's root and what lies below it.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use crate::{Error, Result, error::Context, launch::Launch, process::Process, settings};

/// The functions of the bundle, by the names of their binaries.
pub const FUNCTIONS: [&str; 6] = ["books", "auth", "rl-demo", "bf-demo", "system", "maintenance"];

/// The root of the workspace that this was started in.
pub(crate) fn root() -> Result<PathBuf> {
    let start = match settings::var("CARGO_MANIFEST_DIR") {
        Some(dir) => PathBuf::from(dir),
        None => env::current_dir().context("find the current folder")?,
    };
    let is_root = |dir: &&Path| {
        fs::read_to_string(dir.join("Cargo.toml")).is_ok_and(|manifest| manifest.contains("[workspace]"))
    };
    start
        .ancestors()
        .find(is_root)
        .map(Path::to_owned)
        .ok_or_else(|| Error::new("this is not the project's folder: no workspace around here"))
}

/// Where stacks and tools live, whatever `CARGO_TARGET_DIR` says: the documentation names it.
pub(crate) fn target() -> Result<PathBuf> {
    Ok(root()?.join("target"))
}

/// A call of cargo in the workspace's root.
pub(crate) fn cargo<I: IntoIterator<Item = S>, S: AsRef<str>>(args: I) -> Result<Launch> {
    Ok(Launch::new("cargo", settings::cargo()).args(args).dir(root()?))
}

/// Runs `launch` with its output on the terminal; an error if it fails.
pub(crate) async fn execute(launch: &Launch) -> Result<()> {
    println!("+ {}", launch.line());
    let status = Process::spawn(launch).await?.wait().await?;
    if status.success() { Ok(()) } else { Err(Error::new(format!("`{}` failed: {status}", launch.line()))) }
}
