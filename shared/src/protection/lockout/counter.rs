//! The rules, and the counters that apply them to one subject, with what these hold.

use std::time::Duration;

use crate::fingerprint::fingerprint;
use crate::stores::redis::Redis;

/// The threshold of failures that locks, and the duration of the lock.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    name: &'static str,
    pub(super) threshold: u32,
    pub(super) window: Duration,
    pub(super) lock_duration: Duration,
    pub(super) max_lock_duration: Duration,
    pub(super) cleared_by_success: bool,
}

impl Rule {
    /// Locks the subject for `lock_duration` after `threshold` failures within `window`. The name is part of the keys
    /// in Redis.
    #[must_use]
    pub const fn new(name: &'static str, threshold: u32, window: Duration, lock_duration: Duration) -> Self {
        Self {
            name,
            threshold,
            window,
            lock_duration,
            max_lock_duration: lock_duration,
            cleared_by_success: true,
        }
    }

    /// Makes each lock within a day of the last one twice as long as that one, up to `max_lock_duration`.
    #[must_use]
    pub const fn growing_to(self, max_lock_duration: Duration) -> Self {
        Self { max_lock_duration, ..self }
    }

    /// Lets failures count although an attempt succeeded: otherwise one valid account could reset the failures of a
    /// whole network.
    #[must_use]
    pub const fn not_cleared_by_success(self) -> Self {
        Self { cleared_by_success: false, ..self }
    }
}

/// A rule applied to one subject: a username, a network, or both.
#[derive(Debug, Clone)]
pub struct Counter {
    pub(super) rule: Rule,
    /// The key in Redis, and the subject in Postgres.
    pub(super) key: String,
}

/// What a counter holds, for a client that wants to see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CounterState {
    /// Until the lock opens; zero if there is none.
    pub locked_for: Duration,
    /// Attempts that are reserved and have not ended; they count like failures.
    pub in_flight: u32,
    /// For each failure that counts, the oldest first, the time until it stops counting.
    pub failures_end_in: Vec<Duration>,
}

impl Counter {
    pub(super) fn new(redis: &Redis, rule: Rule, parts: &[&str]) -> Self {
        let subject = fingerprint(parts.iter().map(|part| Some(*part)));
        // One hash tag for all keys: a Redis Cluster runs a script only on keys of one node.
        Self { rule, key: redis.key(&format!("{{lockout}}:{}:{subject}", rule.name)) }
    }
}
