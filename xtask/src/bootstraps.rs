//! `cargo xtask build`: what is deployed, at `target/lambda/<function>/bootstrap`.

use std::{fs, path::Path, process::Command};

use crate::{
    Result,
    error::Context,
    signals,
    tools::Tools,
    workspace::{self, FUNCTIONS, execute},
};

/// Builds every function for release, for this machine's architecture, and prints the sizes.
pub async fn run() -> Result<()> {
    signals::unless_interrupted(build(&FUNCTIONS)).await?;
    let lambda = workspace::target()?.join("lambda");
    println!("{:<12} {:>12} {:>12}  file", "function", "bytes", "gzip -6");
    for function in FUNCTIONS {
        let bootstrap = lambda.join(function).join("bootstrap");
        let size = fs::metadata(&bootstrap).context(format!("find {}", bootstrap.display()))?.len();
        let zip = compressed(&bootstrap).map_or_else(|| "-".into(), |bytes| bytes.to_string());
        println!("{function:<12} {size:>12} {zip:>12}  {}", bootstrap.display());
    }
    Ok(())
}

/// Builds programs of the workspace, each the only one of its package, for release in one call.
pub(crate) async fn build(programs: &[&str]) -> Result<()> {
    let (root, lambda) = (workspace::root()?, workspace::target()?.join("lambda"));
    let build = Tools::new()?.cargo_lambda().await?.launch("cargo-lambda");
    // The compiler of this machine: no cross-compiler is needed for its own architecture.
    let build = build.args(["lambda", "build", "--release", "--compiler", "cargo"]);
    // Its defaults would override what the workspace's profile says about panics.
    let build = build.args(["--disable-optimizations", "--lambda-dir"]).path(lambda);
    let build =
        programs.iter().fold(build, |build, program| build.args(["--package", program, "--bin", program]));
    execute(&build.dir(root)).await
}

/// What the zip of a deployment will be, up to a hundred bytes; `None` where there is no gzip.
pub(crate) fn compressed(file: &Path) -> Option<usize> {
    let output = Command::new("gzip").args(["-6", "--stdout"]).arg(file).output().ok()?;
    output.status.success().then_some(output.stdout.len())
}
