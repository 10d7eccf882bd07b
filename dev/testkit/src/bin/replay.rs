//! `cargo xtask replay`: replays the recorded events in `events/`.

use std::process::ExitCode;

use clap::Parser;
use testkit::replay;

/// Replay the recorded events in `events/`, in process and through the built binaries.
#[derive(Parser)]
#[command(name = "cargo xtask replay", bin_name = "cargo xtask replay")]
struct Cli {
    /// Only cases whose name contains this; a name is like `books/create_book`.
    pattern: Option<String>,
    /// Write the answers as the expected ones. Patterns that match an answer stay.
    #[arg(long)]
    record: bool,
    /// Also invoke the binaries through AWS's Runtime Interface Emulator.
    #[arg(long)]
    rie: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let Cli { pattern, record, rie } = Cli::parse();
    let options = replay::Options { pattern: pattern.unwrap_or_default(), record, rie };
    match replay::run(&options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}
