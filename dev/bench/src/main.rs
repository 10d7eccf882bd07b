//! `cargo xtask bench`: how fast, how small and how cheap, in one run: us, the least that is possible, and the Python
//! original. How and why: docs/PERFORMANCE.md.

#![allow(clippy::print_stdout, reason = "talking to the person at the terminal is this program's purpose")]

mod bare;
mod builds;
mod contest;
mod cost;
mod driver;
mod event;
mod fixture;

mod http1;
mod machine;
mod peer;
mod plot;
mod probes;
mod processes;
mod report;
mod results;
mod rows;
mod scenarios;
mod statistics;
mod targets;
mod users;
mod weights;

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;

use self::{fixture::Fixture, report::Report, results::Results, scenarios::GROUPS};
use stack::{Error, Result, signals};

/// Measure times, sizes, round trips and costs beside the least possible and the Python original.
#[derive(Clone, Debug, Parser)]
#[command(name = "cargo xtask bench", bin_name = "cargo xtask bench")]
struct Options {
    /// Only these groups of scenarios: books, auth, ping, cold, trips, http, weights, large, builds [default: all but builds].
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// A few rounds of each and no database of a million books: for trying, not for keeping.
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
}

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

impl Options {
    fn wants(&self, group: &str) -> bool {
        if self.only.is_empty() { group != "builds" } else { self.only.iter().any(|wanted| wanted == group) }
    }
}

/// Runs the contest and tells of it.
async fn run(options: &Options) -> Result<()> {
    if let Some(unknown) = options.only.iter().find(|group| !GROUPS.contains(&group.as_str())) {
        return Err(Error::new(format!("there is no group `{unknown}`, but: {}", GROUPS.join(", "))));
    }
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
        report.keep()?;
    }
    println!("{:.0} s; {}/results.json, results.md and plots", began.elapsed().as_secs_f32(), dir.display());
    Ok(())
}
