//! `cargo xtask hostile`: half an hour of attacks on real processes of the functions, beside honest clients.
//!
//! `fixture` starts a stack of its own, on loopback, and several execution environments of `books` and `auth`. `honest`
//! clients use them at a human pace, first alone and then beside all `attacks` at once, which are bounded in requests
//! per second and in time. `pool` checks every answer, `stores` watches the stores, `probe` counts what refused
//! requests cost, and `ledger` compares what the honest clients were told with what is committed. `verdict` has the
//! bounds, and `report` writes it all down. Times are reported and never decide.

#![allow(clippy::print_stdout, reason = "talking to the person at the terminal is this program's purpose")]

mod attacks;
mod fixture;
mod honest;
mod ledger;
mod logs;
mod options;
mod pool;
mod probe;
mod random;
mod report;
mod run;
mod stores;
mod tally;
mod verdict;

use std::fs;
use std::process::ExitCode;

use clap::Parser as _;
use stack::{Context as _, Error, Result, signals, workspace};

use crate::fixture::Fixture;
use crate::options::Options;

#[tokio::main]
async fn main() -> ExitCode {
    match attack(&Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

/// Runs the attack and reports it.
async fn attack(options: &Options) -> Result<()> {
    options.check()?;
    let fixture = signals::unless_interrupted(Fixture::prepare()).await?;
    let outcome = signals::unless_interrupted(run::run(options, &fixture)).await;
    fixture.stack.stop().await;
    let outcome = outcome?;
    let faults = verdict::faults(&outcome, usize::try_from(options.minutes).unwrap_or(usize::MAX));
    let text = report::markdown(options, &outcome, &faults);
    let dir = workspace::target()?.join("hostile");
    fs::create_dir_all(&dir).context(format!("create {}", dir.display()))?;
    for (name, text) in [("report.md", &text), ("faults.txt", &report::examples(&outcome))] {
        let file = dir.join(name);
        fs::write(&file, text).context(format!("write {}", file.display()))?;
    }
    println!("\n{text}\n{}: report.md, and faults.txt with the events of faults", dir.display());
    if faults.is_empty() {
        Ok(())
    } else {
        Err(Error::new(format!("{} faults, see the report", faults.len())))
    }
}
