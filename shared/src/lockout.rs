//! Brute-force protection: a few wrong guesses lock the door for a while.
//!
//! A guess is reserved before it is checked and settled afterwards, so that of many parallel guesses no more
//! are checked than a rule allows.

use std::sync::LazyLock;
use std::time::Duration;

use redis::Script;
use uuid::Uuid;

use crate::fingerprint::fingerprint;
use crate::redis::{Redis, Unavailable};

/// How long a reservation stands whose request died before it was settled.
const RESERVATION_LIFE: Duration = Duration::from_secs(10);

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
    cleared_by_success: bool,
}

impl Rule {
    /// `failures` wrong guesses within `window` lock the subject for `lock`.
    #[must_use]
    pub const fn new(name: &'static str, failures: u32, window: Duration, lock: Duration) -> Self {
        Self { name, failures, window, lock, cleared_by_success: true }
    }

    /// Failures stand although a guess was right: one good account must not wash an address clean.
    #[must_use]
    pub const fn kept_on_success(self) -> Self {
        Self { cleared_by_success: false, ..self }
    }
}

/// Keeps count of failures in Redis.
#[derive(Clone)]
pub struct Lockout {
    redis: Redis,
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
    redis: Redis,
    guards: Vec<Guard>,
    id: String,
}

impl Lockout {
    /// A lockout that counts in `redis`.
    #[must_use]
    pub fn new(redis: Redis) -> Self {
        Self { redis }
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
    pub async fn begin(&self, guards: Vec<Guard>) -> Result<Entry, Unavailable> {
        let id = Uuid::now_v7().simple().to_string();
        let (open, wait): (bool, u64) = self
            .redis
            .run(|mut connection| {
                let mut call = invocation(&BEGIN, &guards, &id);
                call.arg(RESERVATION_LIFE.as_millis());
                async move { call.invoke_async(&mut connection).await }
            })
            .await?;
        Ok(if open {
            Entry::Open(Attempt { redis: self.redis.clone(), guards, id })
        } else {
            Entry::Locked(Duration::from_millis(wait))
        })
    }
}

impl Attempt {
    /// The guess was wrong. Answers how many failures now count under the first guard.
    pub async fn failed(self) -> Result<u32, Unavailable> {
        self.settle(&FAIL).await
    }

    /// The guess was right: what counted against this subject is forgotten.
    pub async fn succeeded(self) -> Result<(), Unavailable> {
        self.settle(&SUCCEED).await
    }

    /// The guess could not be checked: it counts for nothing.
    pub async fn abandoned(self) -> Result<(), Unavailable> {
        self.settle(&ABANDON).await
    }

    async fn settle<T: redis::FromRedisValue>(self, script: &'static Script) -> Result<T, Unavailable> {
        self.redis
            .run(|mut connection| {
                let call = invocation(script, &self.guards, &self.id);
                async move { call.invoke_async(&mut connection).await }
            })
            .await
    }
}

/// Every script takes the guards' keys, the attempt, and per guard its limit, window, lock and whether a
/// success clears it.
fn invocation<'a>(script: &'a Script, guards: &[Guard], id: &str) -> redis::ScriptInvocation<'a> {
    let mut call = script.prepare_invoke();
    call.arg(id);
    for Guard { rule, key } in guards {
        call.key(key).arg(rule.failures).arg(rule.window.as_millis());
        call.arg(rule.lock.as_millis()).arg(u8::from(rule.cleared_by_success));
    }
    call
}
