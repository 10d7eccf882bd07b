//! The entries in Redis: one script for each round trip.
//!
//! One key holds the version. A page is stored under that key, the version and the page's own key, and beside it, while
//! it is being filled, the lease of the process that fills it.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use redis::Script;
use uuid::Uuid;

use super::cached_page::CachedPage;
use crate::stores::freeze::FreezeAwareInstant;
use crate::stores::redis::{Redis, Unavailable};

/// The longest lifetime of an entry in milliseconds, counted from the look-up that missed it. It is also the longest
/// staleness when an invalidation fails.
const MAX_TTL_MS: u64 = 30_000;

static READ: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("read.lua")));
static STORE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("store.lua")));
static INVALIDATE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("invalidate.lua")));

/// The entries of one kind of list.
#[derive(Clone)]
pub(super) struct Entries {
    redis: Redis,
    /// The key of the version, and the prefix of every page. It contains `{name}`, a Redis Cluster hash tag, since a
    /// version and its pages must be on one node.
    version_key: Arc<str>,
    /// Identifies this process as the owner of its leases.
    lease_owner: Arc<str>,
    /// The lifetime of a lease in milliseconds. A process that dies while it fills a page blocks the others no longer.
    lease_ms: u64,
}

/// The version of all pages at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Version(pub(super) u64);

/// The result of a look-up.
pub(super) enum Lookup {
    /// The stored page.
    Hit(CachedPage),
    /// No page is stored.
    Miss(Miss),
}

/// A page that is not stored.
#[derive(Debug, Clone, Copy)]
pub(super) struct Miss {
    /// The version under which a page that is queried from now on may be stored.
    pub(super) version: Version,
    /// True if this process has the lease, and so has to fill the page.
    pub(super) leased: bool,
    /// When the look-up was sent.
    looked_up: FreezeAwareInstant,
}

impl Entries {
    pub(super) fn new(redis: Redis, name: &str, lease_ms: u64) -> Self {
        let version_key = redis.key(&format!("cache:{{{name}}}")).into();
        Self { redis, version_key, lease_owner: Uuid::new_v4().to_string().into(), lease_ms }
    }

    /// Looks a page up in one round trip. If it is not stored, the same round trip takes the lease if that is free. A
    /// corrupt entry costs a second round trip, which deletes it.
    pub(super) async fn look_up(&self, key: &str) -> Result<Lookup, Unavailable> {
        let mut corrupt = Bytes::new();
        loop {
            let looked_up = FreezeAwareInstant::now();
            let (version, stored, leased) = self.read(key, &corrupt).await?;
            let Some(stored) = stored.map(Bytes::from) else {
                return Ok(Lookup::Miss(Miss { version: Version(version), leased, looked_up }));
            };
            match CachedPage::from_stored(stored.clone()) {
                Some(page) => return Ok(Lookup::Hit(page)),
                None => corrupt = stored,
            }
        }
    }

    /// Returns the version, the stored bytes unless they equal `corrupt`, and whether this process has the lease.
    async fn read(&self, key: &str, corrupt: &[u8]) -> Result<(u64, Option<Vec<u8>>, bool), Unavailable> {
        self.redis
            .run(|mut connection| async move {
                let mut call = READ.key(&*self.version_key);
                call.arg(key).arg(&*self.lease_owner).arg(self.lease_ms).arg(corrupt);
                call.invoke_async(&mut connection).await
            })
            .await
    }

    /// Stores a page that was queried after `miss`, unless the version has been raised since.
    pub(super) async fn store(&self, key: &str, miss: &Miss, page: &CachedPage) -> Result<(), Unavailable> {
        let Some(ttl) = miss.looked_up.remaining(ttl(key)) else { return Ok(()) };
        let ttl_ms = u64::try_from(ttl.as_millis()).unwrap_or_default().max(1);
        self.redis
            .run(|mut connection| async move {
                let mut call = STORE.key(&*self.version_key);
                call.arg(key).arg(miss.version.0).arg(page.as_bytes()).arg(ttl_ms);
                call.invoke_async(&mut connection).await
            })
            .await
    }

    /// Raises the version.
    pub(super) async fn invalidate(&self) -> Result<(), Unavailable> {
        self.redis
            .run(|mut connection| async move {
                INVALIDATE.key(&*self.version_key).invoke_async(&mut connection).await
            })
            .await
    }
}

/// The lifetime of a page: up to a fifth shorter than the longest, so that pages filled together do not expire
/// together. It is derived from the key, so no randomness is needed.
fn ttl(key: &str) -> Duration {
    let hash = key.bytes().fold(0_u64, |hash, byte| hash.wrapping_mul(31).wrapping_add(byte.into()));
    Duration::from_millis(MAX_TTL_MS - hash % (MAX_TTL_MS / 5))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fingerprint::fingerprint;

    #[test]
    fn pages_expire_at_different_times_and_none_too_late() {
        let ttls: Vec<_> = (0..100).map(|n| ttl(&fingerprint([Some(n.to_string().as_str())]))).collect();
        assert!(ttls.iter().all(|ttl| (24_000..=30_000).contains(&ttl.as_millis())));
        let early = ttls.iter().filter(|ttl| ttl.as_secs() < 27).count();
        assert!((30..70).contains(&early), "{early} of 100");
    }
}
