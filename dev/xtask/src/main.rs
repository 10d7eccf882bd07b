//! The command line of `cargo xtask`. Commands that need the functions' code are programs of their own, which this
//! starts: it must compile in seconds.

#![allow(clippy::print_stdout, reason = "talking to the person at the terminal is this program's purpose")]

mod blocks;
mod build;
mod check;
mod generators;
mod keys;
mod launch_files;
mod names;
mod new;
mod remove;
mod rename;
mod sources;
mod stack_command;
mod test;
mod text;
mod up;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use stack::workspace::{cargo, execute};
use stack::{Result, signals};

/// The project's own commands.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the whole API on this machine: Postgres, Redis, `DynamoDB` and all functions.
    Up(up::Options),
    /// Keep Postgres, Redis and `DynamoDB` running for functions and tests started by hand.
    Stack {
        /// Begin with empty stores instead of what the last run left.
        #[arg(long)]
        fresh: bool,
    },
    /// Run tests against real servers: all of them, or those whose names hold one of the filters.
    Test(test::Options),
    /// Run what CI runs: format, lints, documentation, dependencies, tests.
    Check,
    /// Build every function for release, ready to be deployed, and print the sizes.
    Build,
    /// Replay the recorded events in `events/`, in process and through the built binaries; see `replay --help`.
    #[command(disable_help_flag = true)]
    Replay(Forwarded),
    // part of auth and books
    /// Measure the functions beside the least possible and the Python original; see `bench --help`.
    #[command(disable_help_flag = true)]
    Bench(Forwarded),
    /// Attack the functions for half an hour while honest clients use them; see `hostile --help`.
    #[command(disable_help_flag = true)]
    Hostile(Forwarded),
    // end of part
    /// Check a running API from outside, such as a deployment, and report it; see `acceptance --help`.
    #[command(disable_help_flag = true)]
    Acceptance(Forwarded),
    /// Write `openapi.json` anew from the code.
    Openapi,
    /// Add a function or a migration to the project.
    #[command(subcommand)]
    New(new::Command),
    /// Take functions out of the project, with everything that belongs to them alone.
    Remove(remove::Options),
    /// Give the project another name, before its first deployment.
    Rename(rename::Options),
    /// Try `rename`, `remove` and `new` on a copy of the project; takes minutes.
    TestGenerators,
    /// Make a key pair for signing tokens, and print the variables to set; keeps the keys of `JWT_PUBLIC_KEYS`.
    Keys,
}

/// Arguments for the program that a command starts.
#[derive(clap::Args)]
struct Forwarded {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Cli::parse().command).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

async fn run(command: Command) -> Result<()> {
    match command {
        Command::Up(options) => up::run(options).await,
        Command::Stack { fresh } => stack_command::run(fresh).await,
        Command::Test(options) => test::run(&options).await,
        Command::Check => check::run().await,
        Command::Build => build::run().await,
        Command::Replay(Forwarded { args }) => program("testkit", "replay", &args).await,
        // part of auth and books
        Command::Bench(Forwarded { args }) => program("bench", "bench", &args).await,
        Command::Hostile(Forwarded { args }) => program("hostile", "hostile", &args).await,
        // end of part
        Command::Acceptance(Forwarded { args }) => program("acceptance", "acceptance", &args).await,
        Command::Openapi => program("testkit", "openapi", &[]).await,
        Command::New(command) => new::run(&command).await,
        Command::Remove(options) => remove::run(&options).await,
        Command::Rename(options) => rename::run(&options).await,
        Command::TestGenerators => generators::run().await,
        Command::Keys => keys::run(),
    }
}

/// Builds and runs a program of the workspace.
async fn program(package: &str, name: &str, args: &[String]) -> Result<()> {
    let run = cargo(["run", "--quiet", "--package", package, "--bin", name, "--"])?.args(args);
    signals::unless_interrupted(execute(&run)).await
}
