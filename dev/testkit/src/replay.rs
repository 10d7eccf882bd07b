//! `cargo xtask replay`: every recorded event, handed to its function in process and as a process, against the answer
//! beside it.
//!
//! `case` (the files) and `values` (what placeholders stand for) → `given` (the state that a case needs), `pattern`
//! (whether an answer is the expected one), `record` (writing expectations) → `way` (in process, process, emulator).

mod case;
mod given;
mod pattern;
mod record;
mod values;
mod way;

use std::{collections::BTreeMap, sync::Arc, thread, time::Instant};

use serde_json::Value;
use tokio::{sync::Semaphore, task::JoinSet};

use self::{case::Expectation, given::Theatre, values::Values};
pub use self::{
    case::{Case, cases},
    way::Way,
};
use crate::{Error, Result, error::Context, settings, signals, stack::Stack};

/// What can be chosen about a replay.
#[derive(Debug, Default)]
pub struct Options {
    /// Part of the names of the cases; all if it is empty.
    pub pattern: String,
    /// Whether to write expectations instead of holding answers against them.
    pub record: bool,
    /// Whether to go through the Runtime Interface Emulator too.
    pub rie: bool,
}

const BOTH_AND_EMULATOR: [Way; 3] = [Way::InProcess, Way::Process, Way::Emulator];

const TRIES: usize = 3;

/// What became of one case.
pub struct Outcome {
    /// `<function>/<case>`.
    pub name: String,
    /// What the answers have that is not expected, or lack, by the way they took.
    pub differences: BTreeMap<Way, Vec<String>>,
    /// What was answered, for the table: a status, or `error`.
    status: String,
    answers: Vec<(Value, Values)>,
}

/// Replays, prints a table, and fails if an answer was not the expected one.
pub async fn run(options: &Options) -> Result<()> {
    let started = Instant::now();
    let outcomes = if settings::var("BOOKSHELF_STACK_ENV").is_some() {
        signals::unless_interrupted(replay(options, None)).await?
    } else {
        let stack = signals::unless_interrupted(Stack::start("replay-stack")).await?;
        let outcomes = signals::unless_interrupted(replay(options, Some(stack.env()))).await;
        stack.stop().await;
        outcomes?
    };
    if options.record {
        println!("{} expectations written in {:.1} s", outcomes.len(), started.elapsed().as_secs_f32());
        return Ok(());
    }
    print_table(&outcomes);
    let differing = outcomes.iter().filter(|outcome| !outcome.is_as_expected()).count();
    println!("{} cases in {:.1} s", outcomes.len(), started.elapsed().as_secs_f32());
    if differing == 0 { Ok(()) } else { Err(Error::new(format!("{differing} cases differ"))) }
}

async fn replay(options: &Options, stack: Option<&BTreeMap<String, String>>) -> Result<Vec<Outcome>> {
    let cases = cases()?.into_iter().filter(|case| case.name().contains(&options.pattern));
    let ways = if options.rie { &BOTH_AND_EMULATOR[..] } else { &BOTH_AND_EMULATOR[..2] };
    let mut outcomes = Vec::new();
    for (case, outcome) in replay_all(cases.collect(), ways, stack).await? {
        if options.record {
            record::write(&case, &outcome.answers)?;
        }
        outcomes.push(outcome);
    }
    if outcomes.is_empty() { Err(Error::new("no case has such a name")) } else { Ok(outcomes) }
}

/// Replays `cases`, each of `ways` on a stage of its own; on the running stack, or on the one with these variables.
pub async fn replay_all(
    cases: Vec<Case>,
    ways: &'static [Way],
    stack: Option<&BTreeMap<String, String>>,
) -> Result<Vec<(Case, Outcome)>> {
    // A case waits for servers and processes more than it computes.
    let places = Arc::new(Semaphore::new(4 * thread::available_parallelism().map_or(2, usize::from)));
    let theatre = Arc::new(Theatre::new(stack));
    let mut running = JoinSet::new();
    for case in cases {
        let (places, theatre) = (places.clone(), theatre.clone());
        running.spawn(async move {
            let _place = places.acquire().await.context("wait for a place")?;
            let outcome = one(&case, ways, &theatre).await;
            outcome.map(|outcome| (case, outcome))
        });
    }
    let mut outcomes = Vec::new();
    while let Some(outcome) = running.join_next().await {
        outcomes.push(outcome.context("replay a case")??);
    }
    if let Some(theatre) = Arc::into_inner(theatre) {
        theatre.close().await;
    }
    outcomes.sort_by_cached_key(|(case, _)| case.name());
    Ok(outcomes)
}

async fn one(case: &Case, ways: &[Way], theatre: &Theatre) -> Result<Outcome> {
    let mut outcome = Outcome {
        name: case.name(),
        differences: BTreeMap::new(),
        status: String::new(),
        answers: Vec::new(),
    };
    for way in ways {
        let (answer, values) = patiently(case, *way, theatre).await?;
        outcome.differences.insert(*way, pattern::differences(case.answer(), &answer, &values));
        outcome.status = status_of(&answer);
        outcome.answers.push((answer, values));
    }
    Ok(outcome)
}

/// The answer to a case, and what its placeholders stand for. Where a step fails, or a store is too busy to answer, all
/// of it once more: on a machine that does ten other things that says nothing about the case.
async fn patiently(case: &Case, way: Way, theatre: &Theatre) -> Result<(Value, Values)> {
    let busy = |answer: &Value| answer["statusCode"] == 503 && case.answer()["statusCode"] != 503;
    for _ in 1..TRIES {
        match once(case, way, theatre).await {
            Ok((answer, _)) if busy(&answer) => {}
            Ok(played) => return Ok(played),
            Err(_) => {}
        }
    }
    once(case, way, theatre).await.map_err(|error| Error::new(format!("{} ({way}): {error}", case.name())))
}

async fn once(case: &Case, way: Way, theatre: &Theatre) -> Result<(Value, Values)> {
    let Expectation { given, variables, .. } = case.expectation();
    let place = theatre.prepare(given, variables).await?;
    let event = place.values.fill(case.event())?;
    let function = way.start(case.function(), &place.stage).await?;
    let answer = case::readable(function.invoke(&event.to_string()).await);
    drop(function);
    let values = place.values.clone();
    theatre.give_back(place).await;
    Ok((answer, values))
}

/// What there is to say of an answer in six letters.
fn status_of(answer: &Value) -> String {
    match answer["statusCode"].as_u64() {
        Some(code) => code.to_string(),
        None if answer["errorType"].is_string() => "error".to_owned(),
        None => "done".to_owned(),
    }
}

impl Outcome {
    /// Whether every way led to the expected answer.
    #[must_use]
    pub fn is_as_expected(&self) -> bool {
        self.differences.values().all(Vec::is_empty)
    }
}

fn print_table(outcomes: &[Outcome]) {
    let width = outcomes.iter().map(|outcome| outcome.name.len()).max().unwrap_or_default();
    let Some(first) = outcomes.first() else { return };
    let ways: Vec<_> = first.differences.keys().map(|way| format!("  {way:<11}")).collect();
    println!("{:<width$}  status{}", "case", ways.concat());
    for Outcome { name, status, differences, .. } in outcomes {
        let verdict = |found: &Vec<String>| if found.is_empty() { "as expected" } else { "differs" };
        let verdicts: Vec<_> =
            differences.values().map(|found| format!("  {:<11}", verdict(found))).collect();
        println!("{name:<width$}  {status:<6}{}", verdicts.concat());
    }
    for Outcome { name, differences, .. } in outcomes {
        for (way, found) in differences.iter().filter(|(_, found)| !found.is_empty()) {
            println!("\n{name} ({way})\n  {}", found.join("\n  "));
        }
    }
}
