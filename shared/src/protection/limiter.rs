//! The rate limiter: at most N requests in any window, exactly, over all execution environments.
//!
//! Redis keeps the times of the last admitted requests (a sliding log). Of any number of parallel requests N
//! pass at once, and no window, wherever it begins, holds more than N.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use redis::Script;

use super::quota::Quota;
use super::quotas;
use crate::config::{self, Env};
use crate::stores::freeze::FreezeAwareInstant;
use crate::stores::redis::Redis;

static ADMIT: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("limiter/admit.lua")));

/// Whose requests are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identity<'a> {
    /// A network, a user, or any other name.
    Of(&'a str),
    /// Nobody knows. All such callers share a tenth of the quota.
    Unknown,
}

/// What the limiter says of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// The quota that was applied.
    pub quota: Quota,
    /// Whether the request may pass.
    pub admitted: bool,
    /// How many more would pass now.
    pub remaining: u32,
    /// Until one more may pass: the oldest counted request leaves the window then.
    pub reset: Duration,
}

impl Decision {
    fn refusal(quota: Quota, reset: Duration) -> Self {
        Self { quota, admitted: false, remaining: 0, reset }
    }
}

/// Redis gave no answer; [`Quota::outage`] decides.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Unavailable(#[from] crate::stores::redis::Unavailable);

/// Counts requests against quotas.
#[derive(Clone)]
pub struct Limiter {
    redis: Redis,
    quotas: Arc<[Quota]>,
    refusals: Arc<Mutex<Refusals>>,
}

/// Whoever was refused, by key: when, and for how long. They are refused again without asking Redis.
type Refusals = HashMap<String, (FreezeAwareInstant, Duration)>;

/// Refusals that one execution environment remembers, at most; about 150 bytes each.
const REMEMBERED: usize = 1000;

impl Limiter {
    /// Reads the override of every quota, `RATE_LIMIT_<NAME>`, that is set; one that names no quota is an error.
    pub fn from_env(env: &Env, redis: Redis) -> Result<Self, config::Error> {
        Ok(Self { redis, quotas: quotas::from_env(env)?.into(), refusals: Arc::default() })
    }

    /// `quota` with its override, if it has one.
    pub(crate) fn configured(&self, quota: Quota) -> Quota {
        self.quotas.iter().find(|configured| configured.name == quota.name).copied().unwrap_or(quota)
    }

    /// Counts one request of `identity` against `quota`, in one round trip; in none where it was refused before
    /// and the wait it was told is not over.
    pub async fn admit(&self, quota: Quota, identity: Identity<'_>) -> Result<Decision, Unavailable> {
        let (quota, key) = &self.subject(quota, identity);
        if let Some(reset) = self.still_refused(key) {
            return Ok(Decision::refusal(*quota, reset));
        }
        let asked = FreezeAwareInstant::now();
        let window = u64::try_from(quota.window.as_micros()).unwrap_or(u64::MAX);
        let (admitted, remaining, reset): (bool, u32, u64) = self
            .redis
            .run(|mut connection| async move {
                ADMIT.key(key).arg(quota.limit).arg(window).invoke_async(&mut connection).await
            })
            .await?;
        let reset = Duration::from_micros(reset);
        if !admitted {
            // From when it was asked: Redis decided later, so memory never refuses longer than Redis would.
            self.remember(key, asked, reset);
        }
        Ok(Decision { quota: *quota, admitted, remaining, reset })
    }

    /// The refusal of `identity` that memory still holds, if there is one. Asks nobody.
    pub(crate) fn remembered_refusal(&self, quota: Quota, identity: Identity<'_>) -> Option<Decision> {
        let (quota, key) = self.subject(quota, identity);
        self.still_refused(&key).map(|reset| Decision::refusal(quota, reset))
    }

    /// `quota` as it applies to `identity`, and the key of the log of both.
    fn subject(&self, mut quota: Quota, identity: Identity<'_>) -> (Quota, String) {
        let name = match identity {
            Identity::Of(name) => name,
            Identity::Unknown => {
                quota.limit = (quota.limit / 10).max(1);
                "unknown"
            }
        };
        // The window is part of the key: a log is kept for one window, also while an override is rolled out.
        let key = self.redis.key(&format!("limit:{}:{}:{name}", quota.name, quota.window.as_secs()));
        (quota, key)
    }

    fn still_refused(&self, key: &str) -> Option<Duration> {
        let refusals = self.refusals.lock().ok()?;
        refusals.get(key).and_then(|(since, wait)| since.remaining(*wait))
    }

    fn remember(&self, key: &str, since: FreezeAwareInstant, wait: Duration) {
        let Ok(mut refusals) = self.refusals.lock() else { return };
        if refusals.len() >= REMEMBERED {
            refusals.retain(|_, (since, wait)| since.remaining(*wait).is_some());
        }
        if refusals.len() < REMEMBERED {
            refusals.insert(key.to_owned(), (since, wait));
        }
    }
}
