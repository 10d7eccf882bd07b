//! Throughput: as many requests at once as environments, or one environment, can take.
//!
//! Stores are as far away as in the group `aws`. No share of a processor is set: together the environments may use the
//! whole machine, beside the stores, the proxy before them and the driver.

use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::{Duration, Instant};

use stack::{Context as _, Result};
use testkit::connect;
use tokio::task::block_in_place;

use crate::driver::{Program, RunningProgram};
use crate::fixture::{BOOKS, Fixture};
use crate::load::{Answered, Kind, Load, Requests};
use crate::processes;
use crate::remote_stores::RemoteStores;
use crate::results::{CONCURRENCY, ENVIRONMENTS, HASHES, Results, Throughput};
use crate::statistics::Summary;
use crate::users;

const GROUP: &str = "throughput";

/// The mix has one refresh for so many other requests.
const OTHERS_PER_REFRESH: usize = 99;

/// The number of users who sign in. A name may not be tried without limit at the same time.
const USERS: usize = 16;

/// How much is measured.
struct Extent {
    environments: &'static [usize],
    concurrency: &'static [usize],
    warm_up: Duration,
    duration: Duration,
}

const FULL: Extent = Extent {
    environments: &[1, 2, 4, 8, 16, 32],
    concurrency: &[1, 2, 4, 8, 16, 32, 64],
    warm_up: Duration::from_secs(1),
    duration: Duration::from_secs(5),
};
const QUICK: Extent = Extent {
    environments: &[1, 4],
    concurrency: &[1, 4],
    warm_up: Duration::from_millis(500),
    duration: Duration::from_millis(1500),
};

pub(super) async fn run(fixture: &Fixture, quick: bool, results: &mut Results) -> Result<()> {
    let extent = if quick { QUICK } else { FULL };
    let stores = fixture.remote_stores()?;
    let sessions = extent.concurrency.iter().copied().max().unwrap_or(1);
    let us = Side::new(
        "us",
        stores.function(fixture.function("books", BOOKS)?),
        stores.function(fixture.function("auth", BOOKS)?),
        fixture.function("auth", BOOKS)?.start()?,
        sessions,
    )?;
    let peer = || stores.peer(fixture.peer(BOOKS));
    let peer = Side::new("peer", peer(), peer(), fixture.peer(BOOKS).start()?, sessions)?;
    let measurement = Measurement { fixture, extent: &extent, _stores: &stores };
    for &level in extent.environments {
        for side in [&us, &peer] {
            results.throughputs.push(measurement.mix(side, ENVIRONMENTS, [level, 1]).await?);
        }
    }
    for &level in extent.concurrency {
        for side in [&us, &peer] {
            results.throughputs.push(measurement.mix(side, CONCURRENCY, [1, level]).await?);
        }
    }
    for &level in extent.concurrency {
        for side in [&us, &peer] {
            results.throughputs.push(measurement.hashes(side, level).await?);
        }
    }
    Ok(())
}

/// Ours or the peer, with what requests need.
struct Side {
    subject: &'static str,
    books: Program,
    auth: Program,
    /// Signs in without remote stores, which is faster.
    helper: RunningProgram,
    /// Refresh tokens of sessions that are not in use.
    tokens: Arc<Mutex<Vec<String>>>,
    users: Vec<String>,
}

impl Side {
    fn new(
        subject: &'static str,
        books: Program,
        auth: Program,
        helper: RunningProgram,
        sessions: usize,
    ) -> Result<Self> {
        let users: Vec<_> = (0..USERS).map(|number| format!("crowd-{number}")).collect();
        let holder = "refresher";
        for name in users.iter().map(String::as_str).chain([holder]) {
            users::register(&helper, name)?;
        }
        let tokens = (0..sessions).map(|_| Ok(users::sign_in(&helper, holder)?.refresh));
        let tokens = Arc::new(Mutex::new(tokens.collect::<Result<_>>()?));
        Ok(Self { subject, books, auth, helper, tokens, users })
    }
}

struct Measurement<'a> {
    fixture: &'a Fixture,
    extent: &'a Extent,
    /// Must outlive the environments that use it.
    _stores: &'a RemoteStores,
}

/// Environments of one function with their load.
struct Function<'a> {
    load: Load,
    program: &'a Program,
    environments: usize,
    /// The requests that each environment takes at a time.
    concurrency: usize,
}

impl Measurement<'_> {
    /// The mix of the bill. Refreshes are asked of one more environment.
    async fn mix(
        &self,
        side: &Side,
        series: &'static str,
        [environments, concurrency]: [usize; 2],
    ) -> Result<Throughput> {
        let access = users::sign_in(&side.helper, "refresher")?.access;
        let load = Load::listen(Requests::books(&access))?;
        let refreshes = Load::paced(Requests::refreshes(side.tokens.clone()), &load, OTHERS_PER_REFRESH)?;
        let functions = [
            Function { load, program: &side.books, environments, concurrency },
            Function { load: refreshes, program: &side.auth, environments: 1, concurrency: 1 },
        ];
        let level = environments * concurrency;
        self.measure(side.subject, (series, level), Kind::CachedList, &functions).await
    }

    /// Sign-ins and refreshes at the same time, in one environment of `auth`.
    async fn hashes(&self, side: &Side, concurrency: usize) -> Result<Throughput> {
        let load = Load::listen(Requests::with_hashes(side.tokens.clone(), &side.users))?;
        let function = Function { load, program: &side.auth, environments: 1, concurrency };
        self.measure(side.subject, (HASHES, concurrency), Kind::Refresh, &[function]).await
    }

    async fn measure(
        &self,
        subject: &'static str,
        (series, level): (&'static str, usize),
        watched: Kind,
        functions: &[Function<'_>],
    ) -> Result<Throughput> {
        self.fixture.flush()?;
        let before = self.fixture.connections(BOOKS).await?;
        let running = functions.iter().map(Function::start).collect::<Result<Vec<_>>>()?;
        let running: Vec<_> = running.into_iter().flatten().collect();
        for function in functions {
            block_in_place(|| function.load.await_idle(function.environments * function.concurrency))?;
        }
        for function in functions {
            function.load.begin();
        }
        block_in_place(|| sleep(self.extent.warm_up));
        let started = Usage::of(&running);
        block_in_place(|| sleep(self.extent.duration));
        let ended = Usage::of(&running);
        let connections = self.fixture.connections(BOOKS).await?;
        let memory = running.iter().flat_map(|running| processes::group(running.pid()));
        let memory = memory.filter_map(processes::memory).sum::<u64>();
        let answered: Vec<Answered> =
            block_in_place(|| functions.iter().flat_map(|function| function.load.finish()).collect());
        let failures: Vec<_> = functions.iter().flat_map(|function| function.load.failures()).collect();
        drop(running);
        self.remove_created_books().await?;
        let seconds = (ended.at - started.at).as_secs_f64();
        let within: Vec<_> =
            answered.iter().filter(|answered| answered.at > started.at && answered.at <= ended.at).collect();
        let watched = within.iter().filter(|answered| answered.kind == watched);
        let watched: Vec<_> = watched.map(|answered| answered.latency.as_secs_f64() * 1e3).collect();
        let [postgres, redis] = [0, 1].map(|store| connections[store].saturating_sub(before[store]));
        let throughput = Throughput {
            series,
            level,
            subject,
            rate: whole(within.len()) / seconds,
            latency: Summary::of(&watched),
            failures: failures.len(),
            processors: ended.environments.saturating_sub(started.environments).as_secs_f64() / seconds,
            all_processors: ended.busy_processors_since(&started),
            connections: [postgres, redis],
            memory: memory >> 20,
        };
        print(&throughput, failures.first());
        Ok(throughput)
    }

    /// A list of more books costs more, and the next load is to find what this one has found.
    async fn remove_created_books(&self) -> Result<()> {
        for url in [self.fixture.postgres(BOOKS), self.fixture.peer_postgres(BOOKS)] {
            let client = connect(&url).await;
            for sql in [
                "set statement_timeout = 0".to_owned(),
                format!("delete from books where id > {BOOKS}"),
                "vacuum analyze books".to_owned(),
            ] {
                client.batch_execute(&sql).await.context("remove the created books")?;
            }
        }
        Ok(())
    }
}

impl Function<'_> {
    fn start(&self) -> Result<Vec<RunningProgram>> {
        let program = match self.concurrency {
            1 => self.program.clone(),
            several => self.program.clone().with("AWS_LAMBDA_MAX_CONCURRENCY", &several.to_string()),
        };
        let address = self.load.address();
        (0..self.environments).map(|_| program.start_with_runtime_api(&address)).collect()
    }
}

/// The processor time that was used until a moment.
struct Usage {
    at: Instant,
    environments: Duration,
    processors: Option<[u64; 2]>,
}

impl Usage {
    fn of(running: &[RunningProgram]) -> Self {
        let processes = running.iter().flat_map(|running| processes::group(running.pid()));
        let environments = processes.filter_map(processes::cpu).sum();
        Self { at: Instant::now(), environments, processors: processes::processors() }
    }

    /// How many processors were busy on average, for whatever.
    fn busy_processors_since(&self, earlier: &Self) -> f64 {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let both = self.processors.zip(earlier.processors);
        both.map_or(f64::NAN, |([busy, all], [busy_before, all_before])| {
            let [busy, all] = [busy - busy_before, all - all_before]
                .map(|ticks| u32::try_from(ticks).map_or(f64::MAX, f64::from));
            busy / all.max(1.0) * whole(cores)
        })
    }
}

fn whole(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::MAX, f64::from)
}

fn print(throughput: &Throughput, failure: Option<&String>) {
    let Throughput { series, level, subject, rate, processors, all_processors, .. } = throughput;
    println!(
        "{GROUP} · {level} {series}: {subject} {rate:.0}/s, {processors:.2} of {all_processors:.2} busy processors"
    );
    if let Some(failure) = failure {
        println!("  {} failed, the first with: {failure}", throughput.failures);
    }
}
