//! `cargo xtask bench`: how fast, how small and how cheap, in one run: us, the least that is possible, and the Python
//! original. How and why: docs/PERFORMANCE.md.

mod bare;
mod builds;
mod contest;
mod cost;
mod driver;
mod event;
mod ground;
mod http1;
mod machine;
mod peer;
mod people;
mod plot;
mod probes;
mod processes;
mod report;
mod results;
mod rows;
mod scenarios;
mod statistics;
mod targets;
mod weights;

use std::time::Instant;

pub use self::scenarios::GROUPS;
use self::{ground::Ground, report::Report, results::Results};
use crate::{Error, Result, signals};

/// What can be chosen about a run.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The groups of scenarios to run, of [`GROUPS`]; if empty, all but the builds, which take many minutes.
    pub only: Vec<String>,
    /// A few rounds of each and no database of a million books: for trying, not for keeping.
    pub quick: bool,
    /// Take the programs that were built before as they are.
    pub built: bool,
    /// Put the results into `docs/PERFORMANCE.md`.
    pub keep: bool,
    /// The memory in MB at which the bill is made out.
    pub memory: u16,
}

impl Options {
    fn wants(&self, group: &str) -> bool {
        if self.only.is_empty() { group != "builds" } else { self.only.iter().any(|wanted| wanted == group) }
    }
}

/// Runs the contest and tells of it.
pub async fn run(options: &Options) -> Result<()> {
    if let Some(unknown) = options.only.iter().find(|group| !GROUPS.contains(&group.as_str())) {
        return Err(Error::new(format!("there is no group `{unknown}`, but: {}", GROUPS.join(", "))));
    }
    let began = Instant::now();
    let machine = machine::describe();
    let ground = signals::unless_interrupted(Ground::prepare(options.built)).await?;
    println!("Ready after {:.0} s", began.elapsed().as_secs_f32());
    let mut results = Results::default();
    let measuring = async {
        scenarios::run(&ground, options, &mut results).await;
        Ok(())
    };
    let outcome = signals::unless_interrupted(measuring).await;
    let dir = ground.dir.clone();
    ground.stack.stop().await;
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
