//! `cargo xtask replay`: every recorded event, handed to its function in process and as a process, against the answer
//! beside it.
//!
//! `case` reads the files and `step` the state that they declare; `fixtures` brings that state about, in a context that
//! cases use one after another; `values` fills it into the event; `transport` hands the event over, in process, to a
//! process or to the emulator; `pattern` compares the answer, or `record` writes it down as the expected one.

mod case;
mod fixtures;
mod pattern;
mod record;
mod step;
mod transport;
mod values;

use std::{collections::BTreeMap, sync::Arc, thread, time::Instant};

use serde_json::Value;
use tokio::{sync::Semaphore, task::JoinSet};

use self::{case::Expectation, fixtures::FixturePool, values::Values};
pub use self::{
    case::{Case, cases},
    transport::Transport,
};
use stack::stack::{Lifetime, Stack};
use stack::{Context as _, Error, Result, settings, signals};

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

const BOTH_AND_EMULATOR: [Transport; 3] = [Transport::InProcess, Transport::Process, Transport::Emulator];

const TRIES: usize = 3;

/// What became of one case.
pub struct Outcome {
    /// `<function>/<case>`.
    pub name: String,
    /// What the answers have that is not expected, or lack, by the way they took.
    pub differences: BTreeMap<Transport, Vec<String>>,
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
        let stack = signals::unless_interrupted(Stack::start("replay-stack", Lifetime::Temporary)).await?;
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
    let transports = if options.rie { &BOTH_AND_EMULATOR[..] } else { &BOTH_AND_EMULATOR[..2] };
    let mut outcomes = Vec::new();
    for (case, outcome) in replay_all(cases.collect(), transports, stack).await? {
        if options.record {
            record::write(&case, &outcome.answers)?;
        }
        outcomes.push(outcome);
    }
    if outcomes.is_empty() { Err(Error::new("no case has such a name")) } else { Ok(outcomes) }
}

/// Replays `cases`, each of `transports` in a context of its own; on the running stack, or on the one with these variables.
pub async fn replay_all(
    cases: Vec<Case>,
    transports: &'static [Transport],
    stack: Option<&BTreeMap<String, String>>,
) -> Result<Vec<(Case, Outcome)>> {
    // A case waits for servers and processes more than it computes.
    let permits = Arc::new(Semaphore::new(4 * thread::available_parallelism().map_or(2, usize::from)));
    let pool = Arc::new(FixturePool::new(stack));
    let mut running = JoinSet::new();
    for case in cases {
        let (permits, pool) = (permits.clone(), pool.clone());
        running.spawn(async move {
            let _permit = permits.acquire().await.context("wait for a permit")?;
            let outcome = one(&case, transports, &pool).await;
            outcome.map(|outcome| (case, outcome))
        });
    }
    let mut outcomes = Vec::new();
    while let Some(outcome) = running.join_next().await {
        outcomes.push(outcome.context("replay a case")??);
    }
    if let Some(pool) = Arc::into_inner(pool) {
        pool.close().await;
    }
    outcomes.sort_by_cached_key(|(case, _)| case.name());
    Ok(outcomes)
}

async fn one(case: &Case, transports: &[Transport], pool: &FixturePool) -> Result<Outcome> {
    let mut outcome = Outcome {
        name: case.name(),
        differences: BTreeMap::new(),
        status: String::new(),
        answers: Vec::new(),
    };
    for transport in transports {
        let (answer, values) = with_retries(case, *transport, pool).await?;
        outcome.differences.insert(*transport, pattern::differences(case.answer(), &answer, &values));
        outcome.status = status_of(&answer);
        outcome.answers.push((answer, values));
    }
    Ok(outcome)
}

/// The answer to a case, and what its placeholders stand for. Where a step fails, or a store is too busy to answer, all
/// of it once more: on a machine that does ten other things that says nothing about the case.
async fn with_retries(case: &Case, transport: Transport, pool: &FixturePool) -> Result<(Value, Values)> {
    let busy = |answer: &Value| answer["statusCode"] == 503 && case.answer()["statusCode"] != 503;
    for _ in 1..TRIES {
        match once(case, transport, pool).await {
            Ok((answer, _)) if busy(&answer) => {}
            Ok(played) => return Ok(played),
            Err(_) => {}
        }
    }
    once(case, transport, pool)
        .await
        .map_err(|error| Error::new(format!("{} ({transport}): {error}", case.name())))
}

async fn once(case: &Case, transport: Transport, pool: &FixturePool) -> Result<(Value, Values)> {
    let Expectation { given, variables, .. } = case.expectation();
    let prepared = pool.prepare(given, variables).await?;
    let event = prepared.values.fill(case.event())?;
    let function = transport.start(case.function(), &prepared.context).await?;
    let answer = case::readable(function.invoke(&event.to_string()).await);
    drop(function);
    let values = prepared.values.clone();
    pool.give_back(prepared).await;
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
    let transports: Vec<_> = first.differences.keys().map(|transport| format!("  {transport:<11}")).collect();
    println!("{:<width$}  status{}", "case", transports.concat());
    for Outcome { name, status, differences, .. } in outcomes {
        let verdict = |found: &Vec<String>| if found.is_empty() { "as expected" } else { "differs" };
        let verdicts: Vec<_> =
            differences.values().map(|found| format!("  {:<11}", verdict(found))).collect();
        println!("{name:<width$}  {status:<6}{}", verdicts.concat());
    }
    for Outcome { name, differences, .. } in outcomes {
        for (transport, found) in differences.iter().filter(|(_, found)| !found.is_empty()) {
            println!("\n{name} ({transport})\n  {}", found.join("\n  "));
        }
    }
}
