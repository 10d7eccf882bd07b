//! `cargo xtask replay` hands every recorded event in `events/` to its function, and compares the answer with the
//! expected one in the file beside it.
//!
//! A `case` consists of the two files, and lists the `step`s that prepare its state, such as users and books.
//! `fixtures` runs the steps in a test context, which other cases use afterwards. `values` replaces placeholders in the
//! event by values that the steps yielded, such as tokens. Each `transport` then invokes the function in another way:
//! in this process, as the built binary, or under AWS's emulator. `pattern` compares the answer, or `record` writes it
//! as the expected one.

mod case;
mod fixtures;
mod pattern;
mod record;
mod step;
mod transport;
mod values;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use serde_json::Value;
use stack::stack::{Persistence, Stack};
use stack::{Context as _, Error, Result, settings, signals};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use self::case::Expectation;
use self::fixtures::FixturePool;
use self::values::Values;

pub use self::case::{Case, cases};
pub use self::transport::Transport;

/// The options of a replay.
#[derive(Debug, Default)]
pub struct Options {
    /// Selects the cases whose names contain it; all if it is empty.
    pub pattern: String,
    /// Writes the answers as the expected ones instead of comparing them.
    pub record: bool,
    /// Adds [`Transport::RuntimeInterfaceEmulator`].
    pub rie: bool,
}

const TRANSPORTS: [Transport; 2] = [Transport::InProcess, Transport::Process];
const TRANSPORTS_AND_EMULATOR: [Transport; 3] =
    [Transport::InProcess, Transport::Process, Transport::RuntimeInterfaceEmulator];

/// How often a case is tried before it fails.
const ATTEMPTS: usize = 3;

/// The outcome of one case.
pub struct Outcome {
    /// `<function>/<case>`.
    pub name: String,
    /// The differences between the answer and the expected one, by transport.
    pub differences: BTreeMap<Transport, Vec<String>>,
    /// The answer for the table: a status, `error` or `done`.
    status: String,
    /// The answers of all transports, with the values that placeholders stood for.
    answers: Vec<(Value, Values)>,
}

/// Replays the selected cases and prints a table.
///
/// # Errors
/// When an answer differs from the expected one, or a case could not be replayed.
pub async fn run(options: &Options) -> Result<()> {
    let started = Instant::now();
    let outcomes = if settings::var("BOOKSHELF_STACK_ENV").is_some() {
        signals::unless_interrupted(replay(options, None)).await?
    } else {
        let stack = signals::unless_interrupted(Stack::start("replay-stack", Persistence::Temporary)).await?;
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
    let transports = if options.rie { &TRANSPORTS_AND_EMULATOR[..] } else { &TRANSPORTS };
    let mut outcomes = Vec::new();
    for (case, outcome) in replay_all(cases.collect(), transports, stack).await? {
        if options.record {
            record::write(&case, &outcome.answers)?;
        }
        outcomes.push(outcome);
    }
    if outcomes.is_empty() { Err(Error::new("no case has such a name")) } else { Ok(outcomes) }
}

/// Replays `cases`, each through all `transports` and each time in another context. They run on the stack with the
/// variables `stack`, or else on the running one.
pub async fn replay_all(
    cases: Vec<Case>,
    transports: &'static [Transport],
    stack: Option<&BTreeMap<String, String>>,
) -> Result<Vec<(Case, Outcome)>> {
    // More cases than processors, because a case mostly waits for servers and processes.
    let permits = Arc::new(Semaphore::new(4 * thread::available_parallelism().map_or(2, usize::from)));
    let pool = Arc::new(FixturePool::new(stack));
    let mut running = JoinSet::new();
    for case in cases {
        let (permits, pool) = (permits.clone(), pool.clone());
        running.spawn(async move {
            let _permit = permits.acquire().await.context("wait for a permit")?;
            let outcome = replay_case(&case, transports, &pool).await;
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

async fn replay_case(case: &Case, transports: &[Transport], pool: &FixturePool) -> Result<Outcome> {
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

/// The answer to a case, with the values of its placeholders. If a step fails or a store is too busy to answer, all of
/// it is repeated: on a busy machine that is no fault of the function.
async fn with_retries(case: &Case, transport: Transport, pool: &FixturePool) -> Result<(Value, Values)> {
    let busy = |answer: &Value| answer["statusCode"] == 503 && case.answer()["statusCode"] != 503;
    for _ in 1..ATTEMPTS {
        match attempt(case, transport, pool).await {
            Ok((answer, _)) if busy(&answer) => {}
            Ok(answered) => return Ok(answered),
            Err(_) => {}
        }
    }
    attempt(case, transport, pool)
        .await
        .map_err(|error| Error::new(format!("{} ({transport}): {error}", case.name())))
}

async fn attempt(case: &Case, transport: Transport, pool: &FixturePool) -> Result<(Value, Values)> {
    let Expectation { given, variables, .. } = case.expectation();
    let prepared = pool.prepare(given, variables).await?;
    let event = prepared.values.fill(case.event())?;
    let function = transport.start(case.function(), &prepared.context).await?;
    let answer = case::readable(function.invoke(&event.to_string()).await);
    drop(function);
    let values = prepared.values.clone();
    pool.release(prepared).await;
    Ok((answer, values))
}

/// An answer in at most six characters.
fn status_of(answer: &Value) -> String {
    match answer["statusCode"].as_u64() {
        Some(code) => code.to_string(),
        None if answer["errorType"].is_string() => "error".to_owned(),
        None => "done".to_owned(),
    }
}

impl Outcome {
    /// Whether the answer was the expected one through every transport.
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
