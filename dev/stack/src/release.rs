//! Builds for release, as they are deployed: `target/lambda/<program>/bootstrap`.

use std::{path::Path, process::Command};

use crate::{
    Result,
    tools::Tools,
    workspace::{self, execute},
};

/// Builds programs of the workspace for release, for this machine's architecture, each the only one of its package. One
/// after another: in one call each would be given the features that the others want.
pub async fn build(programs: &[String]) -> Result<()> {
    let (root, lambda) = (workspace::root()?, workspace::target()?.join("lambda"));
    let cargo_lambda = Tools::new()?.cargo_lambda().await?;
    for program in programs {
        // The compiler of this machine: no cross-compiler is needed for its own architecture. The defaults of
        // cargo-lambda would override what the workspace's profile says about panics.
        let build = cargo_lambda.spec("cargo-lambda").args([
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

/// The size of a deployment's zip, up to a hundred bytes; `None` where there is no gzip.
#[must_use]
pub fn compressed(file: &Path) -> Option<usize> {
    let output = Command::new("gzip").args(["-6", "--stdout"]).arg(file).output().ok()?;
    output.status.success().then_some(output.stdout.len())
}
