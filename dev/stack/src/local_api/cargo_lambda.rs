//! `cargo lambda watch` as the stand-in for API Gateway and Lambda.
//!
//! It reads the router from a `Cargo.toml`, and before it listens it looks through every folder below that one for
//! files to ignore, `target` included, which takes seconds in a project that was built. So it runs in a small project
//! that has nothing but the names of the functions and the router.

use std::{fs, path::Path};

use crate::{Error, Result, error::Context, process_spec::ProcessSpec, settings, tools::Tool, workspace};

/// The name of the gateway among the processes of a local API.
pub(super) const NAME: &str = "cargo-lambda";

/// The table of the workspace's manifest that cargo-lambda reads.
const ROUTER: &str = "[workspace.metadata.lambda.watch.router]";

/// The process that listens on `port`, with its small project in a folder below `dir`.
///
/// `--only-lambda-apis`: it would start the functions itself, all with the same variables, and reload them with a
/// watcher that stops working when many files change at once. `--disable-cors`: otherwise it answers OPTIONS itself and
/// no function sees it.
pub(super) fn spec(cargo_lambda: &Tool, port: u16, dir: &Path) -> Result<ProcessSpec> {
    let project = dir.join("cargo-lambda");
    make_project(&project).context(format!("make {}", project.display()))?;
    let spec = cargo_lambda
        .spec(NAME)
        .args(["lambda", "watch", "--only-lambda-apis", "--disable-cors", "--invoke-address", "127.0.0.1"])
        .args(["--invoke-port".to_owned(), port.to_string()])
        // Its own log is not about our functions.
        .env("RUST_LOG", settings::var("RUST_LOG").unwrap_or_else(|| "warn".into()));
    Ok(spec.dir(project))
}

fn make_project(project: &Path) -> std::io::Result<()> {
    let root = workspace::root().map_err(std::io::Error::other)?;
    let manifest = fs::read_to_string(root.join("Cargo.toml"))?;
    let router = manifest.find(ROUTER).map(|at| &manifest[at..]);
    let router =
        router.ok_or_else(|| std::io::Error::other(Error::new(format!("Cargo.toml lacks {ROUTER}"))))?;
    // It knows the functions that are binaries of the project.
    let functions = workspace::functions().map_err(std::io::Error::other)?;
    let binary = |name| format!("[[bin]]\nname = \"{name}\"\npath = \"src/main.rs\"\n\n");
    let binaries: String = functions.into_iter().map(binary).collect();
    let package = "[package]\nname = \"router\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n";
    fs::create_dir_all(project.join("src"))?;
    fs::write(project.join("src/main.rs"), "fn main() {}\n")?;
    fs::write(project.join("Cargo.toml"), format!("{package}{binaries}{router}"))
}
