//! Where things are: the workspace's root and what lies below it.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use tokio::sync::OnceCell;

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
pub fn target() -> Result<PathBuf> {
    Ok(root()?.join("target"))
}

/// The binary of `function` as the sources are now, built once in the life of this process.
pub async fn binary(function: &str) -> Result<PathBuf> {
    static BUILT: OnceCell<()> = OnceCell::const_new();
    let built = BUILT.get_or_try_init(async || {
        // All functions in one call: the features of what they share, and so its artefacts, are those of `cargo build`.
        let build = cargo(["build", "--quiet"])?;
        if !Process::spawn(&build).await?.wait().await?.success() {
            return Err(Error::new("the functions do not build"));
        }
        Ok(())
    });
    built.await?;
    self::built(function)
}

/// Where the binary of `function` is, once it is built.
pub(crate) fn built(function: &str) -> Result<PathBuf> {
    // Relative to the folder that cargo was called in.
    let target = root()?.join(settings::cargo_target_dir().unwrap_or_else(|| "target".into()));
    Ok(target.join("debug").join(function))
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
