//! The project's folders, its functions, and calls of cargo.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use tokio::sync::OnceCell;

use crate::{Error, Result, error::Context, process::Process, process_spec::ProcessSpec, random, settings};

/// The function that migrates the database and serves no HTTP.
pub const MAINTENANCE: &str = "maintenance";

/// The function that only tests start.
pub const FIXTURE: &str = "probe";

/// The package of the commands. Building it along with the functions gives what they share one set of features, so
/// that nothing is compiled a second time.
const COMMANDS: &str = "xtask";

/// The root of the workspace that this was started in.
pub fn root() -> Result<PathBuf> {
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

/// Where stacks and tools live, whatever cargo's own target folder is: the documentation names it.
pub fn target() -> Result<PathBuf> {
    Ok(root()?.join("target"))
}

/// The names of the functions in order: each folder of `functions/` is one.
pub fn functions() -> Result<Vec<String>> {
    let folder = root()?.join("functions");
    let entries = fs::read_dir(&folder).context(format!("look into {}", folder.display()))?;
    let crates = entries.flatten().filter(|entry| entry.path().join("Cargo.toml").is_file());
    let mut names: Vec<_> = crates.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    Ok(names)
}

/// A call of cargo in the workspace's root.
pub fn cargo<I: IntoIterator<Item = S>, S: AsRef<str>>(args: I) -> Result<ProcessSpec> {
    Ok(ProcessSpec::new("cargo", settings::cargo()).args(args).dir(root()?))
}

/// Runs `spec` with its output on the terminal.
///
/// # Errors
/// If it can't be started, or ends with another status than 0.
pub async fn execute(spec: &ProcessSpec) -> Result<()> {
    println!("+ {}", spec.line());
    let status = Process::spawn(spec).await?.wait().await?;
    if status.success() { Ok(()) } else { Err(Error::new(format!("`{}` failed: {status}", spec.line()))) }
}

/// A program that cargo has built.
#[derive(Clone, Debug, Deserialize)]
pub struct Executable {
    /// The target that it was built from.
    pub target: Target,
    /// Its file.
    #[serde(rename = "executable")]
    pub file: PathBuf,
    profile: Profile,
}

#[derive(Clone, Debug, Deserialize)]
struct Profile {
    test: bool,
}

impl Executable {
    /// Whether it runs the tests of its target.
    #[must_use]
    pub fn is_test(&self) -> bool {
        self.profile.test
    }
}

/// What cargo says of a target.
#[derive(Clone, Debug, Deserialize)]
pub struct Target {
    /// Its name, as in `Cargo.toml`.
    pub name: String,
    /// What it is: `bin`, `lib`, `test` …
    pub kind: Vec<String>,
    /// Its main source file.
    pub src_path: String,
}

/// Builds the functions as `cargo xtask up` runs them, and tells where each binary is.
///
/// Cargo says where, so that its own settings hold: `CARGO_BUILD_TARGET`, `CARGO_TARGET_DIR`, `[build] target-dir`.
pub async fn build_functions(options: &[&str]) -> Result<BTreeMap<String, PathBuf>> {
    let functions = functions()?;
    let packages = functions.iter().map(String::as_str).chain([COMMANDS]);
    let packages = packages.flat_map(|name| ["--package", name]);
    let build = cargo(["build"])?.args(options.iter().copied()).args(packages);
    let programs = executables(build).await?.into_iter();
    let binaries: BTreeMap<_, _> = programs.map(|program| (program.target.name, program.file)).collect();
    match functions.iter().find(|name| !binaries.contains_key(*name)) {
        None => Ok(binaries),
        Some(name) => Err(Error::new(format!("functions/{name} builds no binary called {name}"))),
    }
}

/// Runs a build and returns the programs that it made or found made already. Its progress is on the terminal.
pub async fn executables(build: ProcessSpec) -> Result<Vec<Executable>> {
    let messages = env::temp_dir().join(format!("cargo-{}.json", random::token()?));
    let build = build.args(["--message-format=json-render-diagnostics"]).stdout(&messages);
    let status = Process::spawn(&build).await?.wait().await?;
    let text = fs::read_to_string(&messages).unwrap_or_default();
    let _ = fs::remove_file(&messages);
    if !status.success() {
        return Err(Error::new("the sources do not build"));
    }
    // Of the other messages none has an executable.
    Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
}

/// The binary of `function`, also of [`FIXTURE`], as the sources are now, built once in the life of this process.
pub async fn binary(function: &str) -> Result<PathBuf> {
    static BUILT: OnceCell<BTreeMap<String, PathBuf>> = OnceCell::const_new();
    let built = BUILT.get_or_try_init(|| build_functions(&["--quiet", "--package", FIXTURE])).await?;
    built.get(function).cloned().ok_or_else(|| Error::new(format!("there is no function called {function}")))
}
