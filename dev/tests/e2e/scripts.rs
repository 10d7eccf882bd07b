//! Runs the Python programs in the folders beside the tests. Each folder pins its packages.

use std::path::Path;
use std::process::{Command, Output};

use tokio::task::spawn_blocking;

/// Runs a script with these arguments. Returns its standard output, or, if it failed, both of its streams.
pub(crate) async fn run(folder: &str, script: &str, arguments: &[String]) -> Result<String, String> {
    run_with("requirements.txt", folder, script, arguments).await
}

/// As `run`, with the packages of another file; its path is relative to the folder.
pub(crate) async fn run_with(
    requirements: &str,
    folder: &str,
    script: &str,
    arguments: &[String],
) -> Result<String, String> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/e2e")).join(folder);
    let python = stack::tools::python(&folder.join(requirements)).await.unwrap();
    let mut command = Command::new(python);
    // Without a cache of bytecode among the sources.
    command.arg("-B").arg(folder.join(script)).args(arguments);
    let Output { status, stdout, stderr } = spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let [stdout, stderr] = [stdout, stderr].map(|text| String::from_utf8_lossy(&text).trim().to_owned());
    if status.success() { Ok(stdout) } else { Err(format!("{script}: {status}\n{stdout}\n{stderr}")) }
}
