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

/// Builds programs of the workspace for release, each the only one of its package. One after another: in one call each
/// would be given the features that the others want.
pub(crate) async fn build(programs: &[&str]) -> Result<()> {
    let (root, lambda) = (workspace::root()?, workspace::target()?.join("lambda"));
    let cargo_lambda = Tools::new()?.cargo_lambda().await?;
    for program in programs {
        // The compiler of this machine: no cross-compiler is needed for its own architecture. The defaults of
        // cargo-lambda would override what the workspace's profile says about panics.
        let build = cargo_lambda.launch("cargo-lambda").args([
            "lambda",
            "build",
            "--release",
            "--compiler",
            "cargo",
            "--disable-optimizations",
        ]);
        let build = build.args(["--package", program, "--bin", program, "--lambda-dir"]).path(&lambda);
        execute(&build.dir(&root)).await?;
    }
    Ok(())
}

/// What the zip of a deployment will be, up to a hundred bytes; `None` where there is no gzip.
pub(crate) fn compressed(file: &Path) -> Option<usize> {
    let output = Command::new("gzip").args(["-6", "--stdout"]).arg(file).output().ok()?;
    output.status.success().then_some(output.stdout.len())
}
