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
    signals::unless_interrupted(build()).await?;
    let lambda = workspace::target()?.join("lambda");
    println!("{:<12} {:>12} {:>12}  file", "function", "bytes", "gzip -6");
    for function in FUNCTIONS {
        let bootstrap = lambda.join(function).join("bootstrap");
        let size = fs::metadata(&bootstrap).context(format!("find {}", bootstrap.display()))?.len();
        println!("{function:<12} {size:>12} {:>12}  {}", compressed(&bootstrap), bootstrap.display());
    }
    Ok(())
}

async fn build() -> Result<()> {
    let (root, lambda) = (workspace::root()?, workspace::target()?.join("lambda"));
    let build = Tools::new()?.cargo_lambda().await?.launch("cargo-lambda");
    // The compiler of this machine: no cross-compiler is needed for its own architecture.
    let build = build.args(["lambda", "build", "--release", "--compiler", "cargo"]);
    // Its defaults would override what the workspace's profile says about panics.
    let build = build.args(["--disable-optimizations", "--lambda-dir"]).path(lambda);
    execute(&FUNCTIONS.iter().fold(build, |build, function| build.args(["--bin", function])).dir(root)).await
}

/// What the zip of a deployment will be, up to a hundred bytes; `-` where there is no gzip.
fn compressed(file: &Path) -> String {
    let output = Command::new("gzip").args(["-6", "--stdout"]).arg(file).output();
    output.map_or_else(|_| "-".into(), |output| output.stdout.len().to_string())
}
