//! `cargo xtask test`: every test, against servers that live only for it.
//!
//! Cargo builds the test programs and tells where they are. Each is run here with its output read line by line: the
//! results are shown as they come, what failed is told once more at the end, and everything else that is printed on the
//! way, the functions' log for instance, goes to a file.

mod report;

use stack::stack::{Persistence, Stack};
use stack::workspace::{self, Executable, cargo, executables};
use stack::{Error, Result, process::Process, process_spec::ProcessSpec, signals};

use report::Report;

/// The test program that brings up whole local APIs by itself.
const END_TO_END: &str = "e2e";

/// What can be chosen.
#[derive(clap::Args, Default)]
pub(crate) struct Options {
    /// Only tests whose names hold one of these, as in `limits` or `lockout::a_right_guess`.
    filters: Vec<String>,
    /// Only the test programs of these packages.
    #[arg(long, short)]
    package: Vec<String>,
    /// Handed to the test programs, as in `-- --exact`.
    #[arg(last = true)]
    args: Vec<String>,
}

/// Builds and runs the tests that are chosen, all of them whatever fails.
pub(crate) async fn run(options: &Options) -> Result<()> {
    signals::unless_interrupted(build_and_run(options)).await
}

async fn build_and_run(options: &Options) -> Result<()> {
    println!("Building the tests; meanwhile Postgres, Redis and DynamoDB are installed and started …");
    let (programs, stack) =
        tokio::try_join!(build(&options.package), Stack::start("test-stack", Persistence::Temporary))?;
    let mut report = Report::new(workspace::target()?.join("test.log"))?;
    for program in &programs {
        run_program(program, options, &stack, &mut report).await?;
    }
    stack.stop().await;
    report.conclude()
}

/// Builds the functions, which tests start, [that of the tests](workspace::FIXTURE) among them, and the test programs,
/// the one that takes longest last.
async fn build(packages: &[String]) -> Result<Vec<Executable>> {
    workspace::build_functions(&["--package", workspace::FIXTURE]).await?;
    let chosen: Vec<_> = match packages {
        [] => vec!["--workspace"],
        packages => packages.iter().flat_map(|package| ["--package", package]).collect(),
    };
    let mut programs = executables(cargo(["test", "--no-run"])?.args(chosen)).await?;
    programs.retain(Executable::is_test);
    programs.sort_by_key(|program| program.target.name == END_TO_END);
    Ok(programs)
}

async fn run_program(
    Executable { target, file, .. }: &Executable,
    options: &Options,
    stack: &Stack,
    report: &mut Report,
) -> Result<()> {
    // A test waits more than it computes. Of whole APIs two at a time are enough for a machine.
    let threads = if target.name == END_TO_END { 2 } else { 2 * cores() };
    let spec = ProcessSpec::new(&target.name, file)
        .args([format!("--test-threads={threads}")])
        .args(&options.filters)
        .args(&options.args)
        .dir(folder_of(target.src_path.as_ref())?);
    let spec = if target.name == END_TO_END {
        spec
    } else {
        spec.envs(stack.env()).env("BOOKSHELF_STACK_ENV", stack.env_file())
    };
    report.begin(&target.name);
    let (mut process, mut lines) = Process::read(&spec).await?;
    while let Some(line) = lines.recv().await {
        report.take(&line)?;
    }
    let status = process.wait().await?;
    report.end(status.success());
    Ok(())
}

/// The folder of the package that a source file belongs to, where cargo runs its tests.
fn folder_of(source: &str) -> Result<std::path::PathBuf> {
    let mut folders = std::path::Path::new(source).ancestors().skip(1);
    let found = folders.find(|folder| folder.join("Cargo.toml").is_file());
    found.map(ToOwned::to_owned).ok_or_else(|| Error::new(format!("{source} belongs to no package")))
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
