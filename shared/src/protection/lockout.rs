//! Brute-force protection: a few wrong guesses lock the door for a while.
//!
//! A guess is reserved before it is checked and settled afterwards, so that of many parallel guesses no more
//! are checked than a rule allows. Redis counts; while it is away, Postgres does, if there is one.

mod fallback;

use std::sync::LazyLock;
use std::time::Duration;

use redis::Script;
use uuid::Uuid;

use crate::fingerprint::fingerprint;
use crate::stores::postgres::{self, Postgres};
use crate::stores::redis::{Redis, Unavailable};
use crate::telemetry::metrics::{self, Metric};

/// How long a reservation stands whose request died before it was settled. Longer than any request lives: a slow
/// hash must not lose its place to another guess.
const RESERVATION_LIFE: Duration = Duration::from_secs(30);

/// How long a lock is remembered, for the next one to be longer.
const RELAPSE_MEMORY: Duration = Duration::from_hours(24);

static BEGIN: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("lockout/begin.lua")));
static FAIL: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("lockout/fail.lua")));
static ABANDON: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("lockout/abandon.lua")));
static SUCCEED: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("lockout/succeed.lua")));

/// How many failures lock, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    name: &'static str,
    failures: u32,
    window: Duration,
    lock: Duration,
    longest_lock: Duration,
    cleared_by_success: bool,
}

impl Rule {
    /// `failures` wrong guesses within `window` lock the subject for `lock`.
    #[must_use]
    pub const fn new(name: &'static str, failures: u32, window: Duration, lock: Duration) -> Self {
        Self { name, failures, window, lock, longest_lock: lock, cleared_by_success: true }
    }

    /// Each lock within a day of the last is twice as long as that one, up to `longest_lock`.
    #[must_use]
    pub const fn growing_to(self, longest_lock: Duration) -> Self {
        Self { longest_lock, ..self }
    }

    /// Failures stand although a guess was right: one good account must not wash an address clean.
    #[must_use]
    pub const fn kept_on_success(self) -> Self {
        Self { cleared_by_success: false, ..self }
    }
}

/// Keeps count of failures.
#[derive(Clone)]
pub struct Lockout {
    redis: Redis,
    fallback: Option<Postgres>,
}

/// A rule applied to one subject: a user name, an address, or both.
#[derive(Debug, Clone)]
pub struct Guard {
    rule: Rule,
    key: String,
}

/// Whether a guess may be checked.
pub enum Entry {
    /// It may; the attempt must be settled.
    Open(Attempt),
    /// It may not, for this long.
    Locked(Duration),
}

/// A reserved guess. If it is never settled its reservation runs out by itself.
#[must_use = "an attempt must be settled with `failed`, `succeeded` or `abandoned`"]
pub struct Attempt {
    store: Store,
    guards: Vec<Guard>,
}

/// Where a guess was reserved.
enum Store {
    Redis { redis: Redis, id: String },
    Fallback(Postgres),
}

/// Neither Redis nor what stands in for it gives an answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Redis is away and nothing stands in for it.
    #[error(transparent)]
    Redis(#[from] Unavailable),
    /// Redis is away, and so is Postgres.
    #[error(transparent)]
    Fallback(#[from] postgres::Error),
}

impl Lockout {
    /// A lockout that counts in `redis` alone.
    #[must_use]
    pub fn new(redis: Redis) -> Self {
        Self { redis, fallback: None }
    }

    /// Counts in `postgres` (table `login_guesses`) while Redis gives no answer.
    #[must_use]
    pub fn with_fallback(self, postgres: Postgres) -> Self {
        Self { fallback: Some(postgres), ..self }
    }

    /// Applies `rule` to the subject made of `parts`. They are hashed: no name is readable in Redis, and no
    /// delimiter inside a part can imitate another subject.
    #[must_use]
    pub fn guard(&self, rule: Rule, parts: &[&str]) -> Guard {
        let subject = fingerprint(parts.iter().map(|part| Some(*part)));
        // One hash tag for all: a cluster runs a script only on keys of one node.
        Guard { rule, key: self.redis.key(&format!("{{lockout}}:{}:{subject}", rule.name)) }
    }

    /// Reserves a guess under all of `guards`, or under none of them.
    pub async fn begin(&self, guards: Vec<Guard>) -> Result<Entry, Error> {
        let entry = self.enter(guards).await?;
        if matches!(entry, Entry::Locked(_)) {
            metrics::count(Metric::Lockouts);
        }
        Ok(entry)
    }

    async fn enter(&self, guards: Vec<Guard>) -> Result<Entry, Error> {
        match (self.begin_in_redis(&guards).await, &self.fallback) {
            (Err(error), None) => Err(error.into()),
            (Err(error), Some(postgres)) => {
                tracing::warn!(%error, "guesses are counted in Postgres");
                let locked = fallback::begin(postgres, &guards).await?;
                let attempt = || Attempt { store: Store::Fallback(postgres.clone()), guards };
                Ok(locked.map_or_else(|| Entry::Open(attempt()), Entry::Locked))
            }
            (Ok((id, true, _)), _) => {
                Ok(Entry::Open(Attempt { store: Store::Redis { redis: self.redis.clone(), id }, guards }))
            }
            (Ok((_, false, wait)), _) => Ok(Entry::Locked(Duration::from_millis(wait))),
        }
    }

    /// The attempt's id, whether it may be checked, and if not, how many milliseconds to wait.
    async fn begin_in_redis(&self, guards: &[Guard]) -> Result<(String, bool, u64), Unavailable> {
        let id = Uuid::now_v7().simple().to_string();
        let (open, wait) = self
            .redis
            .run(|mut connection| {
                let call = invocation(&BEGIN, guards, &id);
                async move { call.invoke_async(&mut connection).await }
            })
            .await?;
        Ok((id, open, wait))
    }
}

impl Attempt {
    /// The guess was wrong. Answers how many failures now count under the first guard.
    pub async fn failed(self) -> Result<u32, Error> {
        match &self.store {
            Store::Redis { redis, id } => settle(redis, &FAIL, &self.guards, id).await,
            Store::Fallback(postgres) => Ok(fallback::count(postgres, &self.guards).await?),
        }
    }

    /// The guess was right: what counted against this subject is forgotten.
    pub async fn succeeded(self) -> Result<(), Error> {
        match &self.store {
            Store::Redis { redis, id } => settle(redis, &SUCCEED, &self.guards, id).await,
            Store::Fallback(postgres) => Ok(fallback::succeed(postgres, &self.guards).await?),
        }
    }

    /// The guess could not be checked: it counts for nothing.
    pub async fn abandoned(self) -> Result<(), Error> {
        match &self.store {
            Store::Redis { redis, id } => settle(redis, &ABANDON, &self.guards, id).await,
            Store::Fallback(postgres) => Ok(fallback::abandon(postgres, &self.guards).await?),
        }
    }
}

async fn settle<T: redis::FromRedisValue>(
    redis: &Redis,
    script: &'static Script,
    guards: &[Guard],
    id: &str,
) -> Result<T, Error> {
    let trip = redis.run(|mut connection| {
        let call = invocation(script, guards, id);
        async move { call.invoke_async(&mut connection).await }
    });
    Ok(trip.await?)
}

/// Every script takes the guards' keys; the attempt, the life of a reservation and of the memory of a lock; and
/// per guard its failures, window, lock, longest lock, and whether a success clears it. Times are in ms.
fn invocation<'a>(script: &'a Script, guards: &[Guard], id: &str) -> redis::ScriptInvocation<'a> {
    let mut call = script.prepare_invoke();
    call.arg(id).arg(RESERVATION_LIFE.as_millis()).arg(RELAPSE_MEMORY.as_millis());
    for Guard { rule, key } in guards {
        call.key(key).arg(rule.failures).arg(rule.window.as_millis()).arg(rule.lock.as_millis());
        call.arg(rule.longest_lock.as_millis()).arg(u8::from(rule.cleared_by_success));
    }
    call
}
