//! What is kept in Redis, a script for each trip.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use redis::Script;
use uuid::Uuid;

use super::Version;
use super::sealed::Sealed;
use crate::stores::freeze::LastUse;
use crate::stores::redis::{Redis, Unavailable};

/// The longest that a page is given out, counted from when its reader asked: also the longest staleness when an
/// invalidation fails.
const LONGEST_LIFE_MS: u64 = 30_000;

static READ: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("read.lua")));
static STORE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("store.lua")));
static FORGET: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("forget.lua")));

/// The pages of one kind of list.
#[derive(Clone)]
pub(super) struct Entries {
    redis: Redis,
    /// `{name}`, the Redis Cluster hash tag: a version and its pages must live on one node.
    space: Arc<str>,
    /// Who holds the leases of this process.
    holder: Arc<str>,
    /// How long a process has a page to itself. One that dies meanwhile holds up the others no longer.
    lease_ms: u64,
}

/// What a look-up found.
pub(super) enum Look {
    /// The stored page.
    Hit(Sealed),
    /// Nothing is stored.
    Miss(Missing),
}

/// A page that is not there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Missing {
    /// A page queried from now on may be stored under this version.
    pub(super) version: Version,
    /// Whether it is on this process to fill it.
    pub(super) leased: bool,
    /// When the version was asked for.
    asked: LastUse,
}

impl Entries {
    pub(super) fn new(redis: Redis, name: &str, lease_ms: u64) -> Self {
        let space = redis.key(&format!("cache:{{{name}}}")).into();
        Self { redis, space, holder: Uuid::new_v4().to_string().into(), lease_ms }
    }

    /// Looks a page up in one round trip, which takes a free lease on a page that is not there.
    pub(super) async fn look(&self, key: &str) -> Result<Look, Unavailable> {
        let mut damaged = Bytes::new();
        loop {
            let asked = LastUse::now();
            let (version, stored, leased) = self.ask(key, &damaged).await?;
            let Some(stored) = stored.map(Bytes::from) else {
                return Ok(Look::Miss(Missing { version: Version(version), leased, asked }));
            };
            match Sealed::stored(stored.clone()) {
                Some(page) => return Ok(Look::Hit(page)),
                None => damaged = stored,
            }
        }
    }

    async fn ask(&self, key: &str, damaged: &[u8]) -> Result<(u64, Option<Vec<u8>>, bool), Unavailable> {
        self.redis
            .run(|mut connection| async move {
                let mut call = READ.key(&*self.space);
                call.arg(key).arg(&*self.holder).arg(self.lease_ms).arg(damaged);
                call.invoke_async(&mut connection).await
            })
            .await
    }

    /// Stores a page that was queried after `missing` was learnt, unless the version has been raised since.
    pub(super) async fn store(&self, key: &str, missing: &Missing, page: &Sealed) -> Result<(), Unavailable> {
        let Some(life) = missing.asked.left_of(life(key)) else { return Ok(()) };
        let life = u64::try_from(life.as_millis()).unwrap_or_default().max(1);
        self.redis
            .run(|mut connection| async move {
                let mut call = STORE.key(&*self.space);
                call.arg(key).arg(missing.version.0).arg(page.bytes()).arg(life);
                call.invoke_async(&mut connection).await
            })
            .await
    }

    /// Raises the version.
    pub(super) async fn forget_all(&self) -> Result<(), Unavailable> {
        self.redis
            .run(|mut connection| async move { FORGET.key(&*self.space).invoke_async(&mut connection).await })
            .await
    }
}

/// How long the page lives: up to a fifth less than the longest, so that pages filled together don't expire
/// together. The key decides, so no randomness is needed.
fn life(key: &str) -> Duration {
    let draw = key.bytes().fold(0_u64, |draw, byte| draw.wrapping_mul(31).wrapping_add(byte.into()));
    Duration::from_millis(LONGEST_LIFE_MS - draw % (LONGEST_LIFE_MS / 5))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fingerprint::fingerprint;

    #[test]
    fn pages_expire_at_different_times_and_none_too_late() {
        let lives: Vec<_> = (0..100).map(|n| life(&fingerprint([Some(n.to_string().as_str())]))).collect();
        assert!(lives.iter().all(|life| (24_000..=30_000).contains(&life.as_millis())));
        let early = lives.iter().filter(|life| life.as_secs() < 27).count();
        assert!((30..70).contains(&early), "{early} of 100");
    }
}
