//! Runs the programs in the folders beside the tests, in Python and for Node.js. Each folder pins its packages.

use std::fs;
use std::os::unix::fs::symlink;
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
    output(command, script).await
}

/// Runs a script for Node.js as `run` does one in Python. It runs in a folder of its own, which has copies of all files
/// of `folder` and the packages: Node.js looks for packages where the script is.
pub(crate) async fn run_with_node(
    folder: &str,
    script: &str,
    arguments: &[String],
) -> Result<String, String> {
    let source = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/e2e")).join(folder);
    let node = stack::tools::node(&source).await.unwrap();
    let copy = stack::workspace::target().unwrap().join("e2e").join(uuid::Uuid::new_v4().to_string());
    fs::create_dir_all(&copy).unwrap();
    for file in fs::read_dir(&source).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), copy.join(file.file_name())).unwrap();
    }
    symlink(node.modules, copy.join("node_modules")).unwrap();
    let mut command = Command::new(node.program);
    command.arg(script).args(arguments).current_dir(&copy);
    let outcome = output(command, script).await;
    fs::remove_dir_all(&copy).unwrap();
    outcome
}

async fn output(mut command: Command, script: &str) -> Result<String, String> {
    let Output { status, stdout, stderr } = spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let [stdout, stderr] = [stdout, stderr].map(|text| String::from_utf8_lossy(&text).trim().to_owned());
    if status.success() { Ok(stdout) } else { Err(format!("{script}: {status}\n{stdout}\n{stderr}")) }
}
