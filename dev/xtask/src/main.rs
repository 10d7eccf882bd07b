//! The command line of `cargo xtask`.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use xtask::{Result, bench, bootstraps, check, keys, openapi, replay, stack, test, up};

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
    Up {
        /// Where the API listens, on 127.0.0.1 [default: 9000, or the next free port].
        #[arg(long)]
        port: Option<u16>,
    },
    /// Keep Postgres, Redis and `DynamoDB` running for functions and tests started by hand.
    Stack,
    /// Write `openapi.json` anew from the code.
    Openapi,
    /// Make a key pair for signing tokens, and print the variables to set; keeps the keys of `JWT_PUBLIC_KEYS`.
    Keys,
    /// Build every function for release, ready to be deployed, and print the sizes.
    Build,
    /// Run all tests against real servers.
    Test {
        /// Handed to `cargo test`; with any, the end-to-end test is left out.
        #[arg(last = true)]
        args: Vec<String>,
    },
    /// Replay the recorded events in `events/`, in process and through the built binaries.
    Replay {
        /// Only cases whose name, as in `books/create_book`, holds this.
        pattern: Option<String>,
        /// Write what is answered as what is expected, but for what the patterns there already stand for.
        #[arg(long)]
        record: bool,
        /// Also through AWS's Runtime Interface Emulator.
        #[arg(long)]
        rie: bool,
    },
    /// Measure times, sizes, round trips and costs beside the least possible and the Python original.
    Bench {
        /// Only these groups of scenarios: books, auth, ping, cold, trips, http, weights, large, builds [default: all but builds].
        #[arg(long, value_delimiter = ',')]
        only: Vec<String>,
        /// A few rounds of each, to see whether it works.
        #[arg(long)]
        quick: bool,
        /// Take the programs that were built before as they are.
        #[arg(long)]
        built: bool,
        /// Put the results into docs/PERFORMANCE.md.
        #[arg(long)]
        keep: bool,
        /// The memory, in MB, that the bill is made out for.
        #[arg(long, default_value_t = 256)]
        memory: u16,
    },
    /// Run what CI runs: format, lints, documentation, dependencies, tests.
    Check,
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
        Command::Up { port } => up::run(port).await,
        Command::Stack => stack::run().await,
        Command::Openapi => openapi::run(),
        Command::Keys => keys::run(),
        Command::Build => bootstraps::run().await,
        Command::Test { args } => test::run(&args).await,
        Command::Replay { pattern, record, rie } => {
            replay::run(&replay::Options { pattern: pattern.unwrap_or_default(), record, rie }).await
        }
        Command::Bench { only, quick, built, keep, memory } => {
            bench::run(&bench::Options { only, quick, built, keep, memory }).await
        }
        Command::Check => check::run().await,
    }
}
