//! The rate limiter: at most N requests in any window, exactly, over all execution environments.
//!
//! Redis keeps the times of the last admitted requests (a sliding log). Of any number of parallel requests N
//! pass at once, and no window, wherever it begins, holds more than N.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use redis::Script;

use crate::config::{self, Env};
use crate::stores::freeze::FreezeAwareInstant;
use crate::stores::redis::Redis;

/// One second, to read quotas aloud.
pub const SECOND: Duration = Duration::from_secs(1);
/// One minute.
pub const MINUTE: Duration = Duration::from_mins(1);

static ADMIT: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("limiter/admit.lua")));

/// How many requests one caller may make in a window of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Names the quota in headers, keys and, in upper case, in the variable `RATE_LIMIT_<NAME>`.
    pub name: &'static str,
    /// Requests per window, 1 to 10,000.
    pub limit: u32,
    /// The window, whole seconds from 1 s to a day.
    pub window: Duration,
    /// What happens while Redis gives no answer.
    pub outage: Outage,
    /// Whose requests count together.
    pub by: By,
}

/// Whose requests count together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// Those of one network: an IPv4 address or an IPv6 /64.
    Network,
    /// Those of one user, wherever they come from; those of a network where nobody is signed in.
    User,
}

/// What a quota does while Redis gives no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outage {
    /// Requests pass uncounted: being open matters more than being exact.
    Admit,
    /// Requests are answered 503: what stands behind is worth more than being open.
    Refuse,
}

impl Quota {
    /// A quota of `limit` requests per minute and network that admits during an outage.
    #[must_use]
    pub const fn new(name: &'static str, limit: u32) -> Self {
        Self { name, limit, window: MINUTE, outage: Outage::Admit, by: By::Network }
    }

    /// Sets the window.
    #[must_use]
    pub const fn per(self, window: Duration) -> Self {
        Self { window, ..self }
    }

    /// Sets what happens while Redis gives no answer.
    #[must_use]
    pub const fn on_outage(self, outage: Outage) -> Self {
        Self { outage, ..self }
    }

    /// Sets whose requests count together.
    #[must_use]
    pub const fn counted_by(self, by: By) -> Self {
        Self { by, ..self }
    }

    /// The quota as `RATE_LIMIT_<NAME>=n/seconds` has it, or as it stands.
    fn overridden(self, env: &Env) -> Result<Self, config::Error> {
        let name = format!("RATE_LIMIT_{}", self.name.to_uppercase());
        let Some(text) = env.optional(&name) else { return Ok(self) };
        let parts = text.split_once('/').map(|(n, seconds)| (n.parse::<u32>(), seconds.parse::<u32>()));
        match parts {
            Some((Ok(limit @ 1..=10_000), Ok(seconds @ 1..=86_400))) => {
                Ok(Self { limit, ..self.per(SECOND * seconds) })
            }
            _ => Err(config::Error::invalid(
                &name,
                "must be n/seconds, as in 100/60: 1 to 10000 in 1 to 86400",
            )),
        }
    }
}

/// The quota of every route without one of its own: 100 requests per minute and network, over all functions
/// together.
pub const DEFAULT: Quota = Quota::new("default", 100).per(MINUTE);

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
pub struct Verdict {
    /// The quota that was applied.
    pub quota: Quota,
    /// Whether the request may pass.
    pub admitted: bool,
    /// How many more would pass now.
    pub remaining: u32,
    /// Until one more may pass: the oldest counted request leaves the window then.
    pub reset: Duration,
}

impl Verdict {
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
    quotas: Arc<HashMap<&'static str, Quota>>,
    refusals: Arc<Mutex<Refusals>>,
}

/// Whoever was refused, by key: when, and for how long. They are refused again without asking Redis.
type Refusals = HashMap<String, (FreezeAwareInstant, Duration)>;

/// Refusals that one execution environment remembers, at most; about 150 bytes each.
const REMEMBERED: usize = 1000;

impl Limiter {
    /// Reads the override of each of `quotas` from its variable.
    pub fn from_env(env: &Env, redis: Redis, quotas: &[Quota]) -> Result<Self, config::Error> {
        let overridden = quotas.iter().map(|quota| Ok((quota.name, quota.overridden(env)?)));
        let quotas = Arc::new(overridden.collect::<Result<_, _>>()?);
        Ok(Self { redis, quotas, refusals: Arc::default() })
    }

    /// Counts one request of `identity` against `quota`, in one round trip; in none where it was refused before
    /// and the wait it was told is not over.
    pub async fn admit(&self, quota: Quota, identity: Identity<'_>) -> Result<Verdict, Unavailable> {
        let (quota, key) = &self.subject(quota, identity);
        if let Some(reset) = self.still_refused(key) {
            return Ok(Verdict::refusal(*quota, reset));
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
        Ok(Verdict { quota: *quota, admitted, remaining, reset })
    }

    /// The refusal of `identity` that memory still holds, if there is one. Asks nobody.
    pub(crate) fn recall(&self, quota: Quota, identity: Identity<'_>) -> Option<Verdict> {
        let (quota, key) = self.subject(quota, identity);
        self.still_refused(&key).map(|reset| Verdict::refusal(quota, reset))
    }

    /// The quota as it is configured for `identity`, and the name of its log.
    fn subject(&self, quota: Quota, identity: Identity<'_>) -> (Quota, String) {
        let mut quota = self.quotas.get(quota.name).copied().unwrap_or(quota);
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

#[cfg(test)]
mod tests {
    use super::*;

    const LOGIN: Quota = Quota::new("login", 10).per(MINUTE).on_outage(Outage::Refuse);

    #[test]
    fn a_variable_overrides_count_and_window_only() {
        let env = Env::of([("RATE_LIMIT_LOGIN", "3/5")]);
        let quota = LOGIN.overridden(&env).unwrap();
        assert_eq!(quota, Quota { limit: 3, window: 5 * SECOND, ..LOGIN });
    }

    #[test]
    fn an_unreadable_override_ends_the_start() {
        for text in ["10", "0/60", "10/0", "10/60/1", "-1/60", "10/1.5", "99999999999/60"] {
            let env = Env::of([("RATE_LIMIT_LOGIN", text)]);
            assert!(LOGIN.overridden(&env).is_err(), "{text}");
        }
    }
}
