//! Brute-force protection: after a few failed attempts, further ones are refused for a while.
//!
//! A [`Rule`] says how many failures within a window lock, and for how long; a [`Counter`] is a rule applied to one
//! subject, such as a username and a network. An [`Attempt`] is reserved under its counters before the password is
//! checked, and ends as failed, succeeded or abandoned afterwards. Reservations count like failures, so of many
//! parallel attempts no more are checked than a rule allows. When the failures reach the threshold, the counter is
//! locked: [`Lockout::begin`] then refuses without any check, and refused attempts neither count nor prolong the lock.
//! A success clears the failures of the counters whose rule says so.
//!
//! Redis counts, with one script per step. While it is unavailable Postgres does, if there is a fallback; otherwise
//! [`Lockout::begin`] fails, so that no attempt is ever unprotected.

mod counter;
mod fallback;
mod scripts;

use std::time::Duration;

use crate::stores::postgres::{self, Postgres};
use crate::stores::redis::{Redis, Unavailable};
use crate::telemetry::metrics::{self, Metric};

pub use counter::{Counter, CounterState, Rule};

/// Counts attempts; cloning shares the connections.
#[derive(Clone)]
pub struct Lockout {
    redis: Redis,
    fallback: Option<Postgres>,
}

/// The decision about an attempt.
pub enum Admission {
    /// The attempt may be checked, and must be ended then.
    Allowed(Attempt),
    /// A counter is locked, or all its attempts are reserved. Another attempt may be made after this time.
    Locked(Duration),
}

/// A reserved attempt. One that is never ended counts until its reservation expires.
#[must_use = "an attempt must be ended with `failed`, `succeeded` or `abandoned`"]
pub struct Attempt {
    backend: Backend,
    counters: Vec<Counter>,
}

/// The store in which an attempt is reserved.
enum Backend {
    Redis { redis: Redis, attempt_id: String },
    Fallback(Postgres),
}

/// Neither Redis nor its fallback can count.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Redis is unavailable and there is no fallback.
    #[error(transparent)]
    Redis(#[from] Unavailable),
    /// Redis is unavailable, and so is Postgres.
    #[error(transparent)]
    Fallback(#[from] postgres::Error),
}

impl Lockout {
    /// A lockout that counts in `redis` alone.
    #[must_use]
    pub fn new(redis: &Redis) -> Self {
        Self { redis: redis.required(), fallback: None }
    }

    /// A lockout that counts in `postgres` (table `login_guesses`) while Redis is unavailable.
    #[must_use]
    pub fn with_fallback(redis: Redis, postgres: Postgres) -> Self {
        Self { redis, fallback: Some(postgres) }
    }

    /// Applies `rule` to the subject that consists of `parts`. They are hashed, so no name is readable in Redis, and no
    /// delimiter inside a part can imitate another subject.
    #[must_use]
    pub fn counter(&self, rule: Rule, parts: &[&str]) -> Counter {
        Counter::new(&self.redis, rule, parts)
    }

    /// Reserves an attempt under all of `counters`, or under none of them.
    pub async fn begin(&self, counters: Vec<Counter>) -> Result<Admission, Error> {
        let admission = self.reserve(counters).await?;
        if matches!(admission, Admission::Locked(_)) {
            metrics::count(Metric::Lockouts);
        }
        Ok(admission)
    }

    /// Reads what Redis holds of `counter` and counts nothing. Whether the client may see it, the caller decides.
    pub async fn state(&self, counter: &Counter) -> Result<CounterState, Unavailable> {
        scripts::state(&self.redis, counter).await
    }

    async fn reserve(&self, counters: Vec<Counter>) -> Result<Admission, Error> {
        let (locked, backend) = match (scripts::begin(&self.redis, &counters).await, &self.fallback) {
            (Ok((attempt_id, locked)), _) => {
                (locked, Backend::Redis { redis: self.redis.clone(), attempt_id })
            }
            (Err(error), None) => return Err(error.into()),
            (Err(error), Some(postgres)) => {
                metrics::count(Metric::FallbackGuesses);
                tracing::warn!(%error, "guesses are counted in Postgres");
                (fallback::begin(postgres, &counters).await?, Backend::Fallback(postgres.clone()))
            }
        };
        Ok(match locked {
            Some(wait) => Admission::Locked(wait),
            None => Admission::Allowed(Attempt { backend, counters }),
        })
    }
}

impl Attempt {
    /// The password was wrong. Returns how many failures now count under the first counter.
    pub async fn failed(self) -> Result<u32, Error> {
        match &self.backend {
            Backend::Redis { redis, attempt_id } => {
                Ok(scripts::fail(redis, &self.counters, attempt_id).await?)
            }
            Backend::Fallback(postgres) => Ok(fallback::count(postgres, &self.counters).await?),
        }
    }

    /// The password was right. Clears the failures of every counter whose rule says so.
    pub async fn succeeded(self) -> Result<(), Error> {
        match &self.backend {
            Backend::Redis { redis, attempt_id } => {
                Ok(scripts::succeed(redis, &self.counters, attempt_id).await?)
            }
            Backend::Fallback(postgres) => Ok(fallback::succeed(postgres, &self.counters).await?),
        }
    }

    /// The password could not be checked. The attempt does not count.
    pub async fn abandoned(self) -> Result<(), Error> {
        match &self.backend {
            Backend::Redis { redis, attempt_id } => {
                Ok(scripts::abandon(redis, &self.counters, attempt_id).await?)
            }
            Backend::Fallback(postgres) => Ok(fallback::abandon(postgres, &self.counters).await?),
        }
    }
}
