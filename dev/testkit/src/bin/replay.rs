//! Replays the recorded events of `events/`: `cargo xtask replay`.

use std::process::ExitCode;

use clap::Parser;
use testkit::replay;

/// Replay the recorded events in `events/`, in process and through the built binaries.
#[derive(Parser)]
#[command(name = "cargo xtask replay", bin_name = "cargo xtask replay")]
struct Cli {
    /// Only cases whose name, as in `books/create_book`, holds this.
    pattern: Option<String>,
    /// Write what is answered as what is expected, but for what the patterns there already stand for.
    #[arg(long)]
    record: bool,
    /// Also through AWS's Runtime Interface Emulator.
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
