//! `cargo xtask bench` measures the functions: times, sizes, round trips and costs, in one run.
//!
//! Each scenario compares several subjects: the functions of this repository (`us`), the least that a function can do
//! (`floor`), single operations of the stores (`ping`, `sql`, `bcrypt` and so on), and the same API in Python (`peer`).
//! `fixture` starts the stack, fills the databases and knows all programs. `driver` starts a program behind a runtime
//! API that is made for timing. `scenarios` lists what is measured, `comparison` measures it, `results` collects it,
//! `targets` checks it and `report` writes it down. docs/PERFORMANCE.md explains the method.

#![allow(clippy::print_stdout, reason = "talking to the person at the terminal is this program's purpose")]

mod builds;
mod comparison;
mod cost;
mod dataset;
mod driver;
mod event;
mod fixture;
mod http1;
mod list_queries;
mod load;
mod machine;
mod options;
mod peer;
mod plot;
mod primitives;
mod processes;
mod processor_share;
mod remote_stores;
mod report;
mod results;
mod runtime_api;
mod scenarios;
mod sizes;
mod statistics;
mod targets;
mod users;
mod wire;

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser as _;
use stack::{Error, Result, signals};

use crate::fixture::Fixture;
use crate::options::Options;
use crate::report::Report;
use crate::results::Results;

#[tokio::main]
async fn main() -> ExitCode {
    match run(&Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

/// Measures the selected groups and reports the results.
async fn run(options: &Options) -> Result<()> {
    options.check()?;
    let began = Instant::now();
    let machine = machine::describe();
    let fixture = signals::unless_interrupted(Fixture::prepare(options.built)).await?;
    println!("Ready after {:.0} s", began.elapsed().as_secs_f32());
    let mut results = Results::default();
    let measuring = async {
        scenarios::run(&fixture, options, &mut results).await;
        Ok(())
    };
    let outcome = signals::unless_interrupted(measuring).await;
    let dir = fixture.dir.clone();
    fixture.stack.stop().await;
    outcome?;
    let targets = targets::evaluate(&results);
    let memory = f64::from(options.memory);
    let report = Report { results: &results, targets: &targets, machine, memory };
    report.write(&dir)?;
    println!("\n{}", report.markdown());
    if let Some(failure) = results.failures.first() {
        return Err(Error::new(format!("not everything was measured: {failure}")));
    }
    if options.keep {
        report.write_to_docs()?;
    }
    println!("{:.0} s; {}/results.json, results.md and plots", began.elapsed().as_secs_f32(), dir.display());
    Ok(())
}
