//! The rate limiter: at most N requests in any window, exactly, over all execution environments.
//!
//! Redis keeps the times of the last admitted requests (a sliding log). Of any number of parallel requests N
//! pass at once, and no window, wherever it begins, holds more than N.

mod window;

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use super::quota::{self, Outage, Quota};
use super::quotas;
use crate::config::{self, Env};
use crate::stores::freeze::FreezeAwareInstant;
use crate::stores::redis::{Redis, Script};

pub use window::Window;

static ADMIT: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("limiter/admit.lua")));

/// The key that a request is counted under: requests with the same key share a quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RateLimitKey<'a> {
    /// The name of one client: of its session or of its network.
    Client(&'a str),
    /// The client is unknown. All such requests share a tenth of the quota.
    Unknown,
}

/// The limiter's decision about one request, with the numbers that its client is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// The quota with its override; a tenth of it for [`RateLimitKey::Unknown`].
    pub quota: Quota,
    /// False if the request was refused, which then was not counted.
    pub admitted: bool,
    /// How many more would pass now.
    pub remaining: u32,
    /// Until one more may pass: the oldest counted request leaves the window then.
    pub reset: Duration,
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

/// The refusals that still hold, by the key of the log: their time and the wait. Until it is over, further requests are
/// refused without asking Redis.
type Refusals = HashMap<String, (FreezeAwareInstant, Duration)>;

/// Refusals that one execution environment remembers, at most; about 150 bytes each.
const REMEMBERED: usize = 1000;

impl Limiter {
    /// Reads the override of every quota, `RATE_LIMIT_<NAME>`, that is set; one that names no quota is an error.
    pub fn from_env(env: &Env, redis: Redis) -> Result<Self, config::Error> {
        Self::with_quotas(env, redis, quotas::ALL)
    }

    /// The same for another table of quotas than [`quotas::ALL`].
    pub fn with_quotas(env: &Env, redis: Redis, table: &[Quota]) -> Result<Self, config::Error> {
        Ok(Self { redis, quotas: quota::overridden(table, env)?.into(), refusals: Arc::default() })
    }

    /// `quota` with its override, if it has one.
    pub(crate) fn configured(&self, quota: Quota) -> Quota {
        self.quotas.iter().find(|configured| configured.name == quota.name).copied().unwrap_or(quota)
    }

    /// Counts one request under `key` against `quota`, or its override, in one round trip; in none where an earlier
    /// request was refused and the wait that its client was told is not over.
    pub async fn admit(&self, quota: Quota, key: RateLimitKey<'_>) -> Result<Decision, Unavailable> {
        match self.log(self.configured(quota), key) {
            Ok(log) => log.count().await,
            Err(refusal) => Ok(refusal),
        }
    }

    /// Reads the log of `quota` and `key` and counts nothing. Whether the client may see it, the caller decides.
    pub async fn window(&self, quota: Quota, key: RateLimitKey<'_>) -> Result<Window, Unavailable> {
        let (quota, log) = self.named_log(self.configured(quota), key);
        Ok(window::read(&self.redis.required(), quota, log).await?)
    }

    /// The log of `quota` and `key`, or the refusal that memory still holds. Asks no store: for a layer that takes the
    /// two steps of [`Limiter::admit`] itself.
    pub(crate) fn log(&self, quota: Quota, key: RateLimitKey<'_>) -> Result<RequestLog<'_>, Decision> {
        let (quota, key) = self.named_log(quota, key);
        match self.remembered_refusal(quota, &key) {
            Some(refusal) => Err(refusal),
            None => Ok(RequestLog { limiter: self, quota, key }),
        }
    }

    /// `quota` as it applies to `key`, and the name of their log in Redis.
    fn named_log(&self, mut quota: Quota, key: RateLimitKey<'_>) -> (Quota, String) {
        let name = match key {
            RateLimitKey::Client(name) => name,
            RateLimitKey::Unknown => {
                quota.limit = (quota.limit / 10).max(1);
                "unknown"
            }
        };
        // The window is part of the key: a log is kept for one window, also while an override is rolled out. The unit
        // tells these logs, whose times are in ms, from those of earlier versions.
        let log = self.redis.key(&format!("limit:{}:{}s:{name}", quota.name, quota.window.as_secs()));
        (quota, log)
    }

    fn remembered_refusal(&self, quota: Quota, key: &str) -> Option<Decision> {
        let refusals = self.refusals.lock().ok()?;
        let (since, wait) = refusals.get(key)?;
        Some(Decision { quota, admitted: false, remaining: 0, reset: since.remaining(*wait)? })
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

/// The log of the requests that are counted under one key against one quota.
pub(crate) struct RequestLog<'a> {
    limiter: &'a Limiter,
    /// The quota as it applies to the key.
    quota: Quota,
    /// The name of the log in Redis.
    key: String,
}

impl RequestLog<'_> {
    /// Lets Redis count one request and decide about it.
    pub(crate) async fn count(&self) -> Result<Decision, Unavailable> {
        let Self { limiter, quota, key } = self;
        let asked = FreezeAwareInstant::now();
        // A request that is refused without a count may as well wait for the connection.
        let redis = match quota.outage {
            Outage::Admit => &limiter.redis,
            Outage::Refuse => &limiter.redis.required(),
        };
        let window = u64::try_from(quota.window.as_millis()).unwrap_or(u64::MAX);
        let (admitted, remaining, reset): (bool, u32, u64) =
            redis.run(&ADMIT.call(&[key]).arg(quota.limit).arg(window)).await?;
        let reset = Duration::from_millis(reset);
        if !admitted {
            // From when it was asked: Redis decided later, so memory never refuses longer than Redis would.
            limiter.remember(key, asked, reset);
        }
        Ok(Decision { quota: *quota, admitted, remaining, reset })
    }
}
