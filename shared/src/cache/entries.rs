//! The entries in Redis: one script for each round trip.
//!
//! One key holds the version. A page is stored under a key of its own, and beside it, while it is being filled, the
//! lease of the process that fills it. Both begin with the version that they were made under: those of an earlier
//! version do not count. So the names of all keys are known before the version is, and one round trip does.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use uuid::Uuid;

use super::cached_page::CachedPage;
use crate::stores::redis::{Redis, Script, Unavailable};

/// The longest lifetime of an entry in milliseconds, counted from the look-up that missed it. It is also the longest
/// staleness when an invalidation fails.
const MAX_TTL_MS: u64 = 30_000;

/// The largest page that is kept, in bytes. A larger one is answered, and queried each time.
const LARGEST_PAGE: usize = 64 * 1024;

/// The most bytes that are stored in [`MAX_TTL_MS`], so that pages take twice as much at most. A flood of lists must
/// not push out what else is in Redis, locks and counts.
const BYTES_PER_PERIOD: usize = 64 * 1024 * 1024;

/// What is stored in the place of a page that is too large, so that its readers do not wait for each other.
const TOO_LARGE: &[u8] = b"too large";

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
    /// The lease, if this process has it, and so has to fill the page.
    pub(super) lease: Option<Lease>,
    /// The page is too large to be kept, so nobody fills it for others.
    pub(super) is_too_large: bool,
}

/// The task to fill a page.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lease {
    /// When it was taken, by the server's clock, in milliseconds since 1970.
    taken_at_ms: u64,
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
            let (version, stored, taken_at_ms) = self.read(key, &corrupt).await?;
            let Some(stored) = stored.map(Bytes::from) else {
                let lease = taken_at_ms.map(|taken_at_ms| Lease { taken_at_ms });
                return Ok(Lookup::Miss(Miss { version: Version(version), lease, is_too_large: false }));
            };
            let page = stored.slice(prefix(Version(version)).len()..);
            if page == TOO_LARGE {
                return Ok(Lookup::Miss(Miss { version: Version(version), lease: None, is_too_large: true }));
            }
            match CachedPage::from_stored(page) {
                Some(page) => return Ok(Lookup::Hit(page)),
                None => corrupt = stored,
            }
        }
    }

    /// Returns the version, the stored bytes unless they equal `corrupt`, and, if this process has the lease, the
    /// server's clock in milliseconds since 1970.
    async fn read(
        &self,
        key: &str,
        corrupt: &[u8],
    ) -> Result<(u64, Option<Vec<u8>>, Option<u64>), Unavailable> {
        let page_key = self.page_key(key);
        let lease_key = format!("{page_key}:lease");
        let call = READ.call(&[&self.version_key, page_key.as_str(), &lease_key]);
        self.redis.run(&call.arg(&*self.lease_owner).arg(self.lease_ms).arg(corrupt)).await
    }

    /// Stores a page that was queried after `miss`, unless the version has been raised since, another process has the
    /// lease, or too much was stored lately. Does not wait for Redis, since a response need not wait for that.
    pub(super) async fn store(&self, key: &str, miss: &Miss, page: &CachedPage) {
        let Some(lease) = miss.lease else { return };
        let page = if page.as_bytes().len() > LARGEST_PAGE { TOO_LARGE } else { page.as_bytes() };
        let stored = [prefix(miss.version).as_bytes(), page].concat();
        let bytes_key = format!("{}:bytes", self.version_key);
        let call = STORE.call(&[&*self.version_key, &self.page_key(key), &bytes_key]);
        // An absolute time: the process may be frozen before the bytes arrive.
        let call = call.arg(miss.version.0).arg(stored).arg(lease.taken_at_ms + ttl_ms(key));
        let call = call.arg(MAX_TTL_MS).arg(BYTES_PER_PERIOD);
        self.redis.run_in_background(call, "a page was not cached").await;
    }

    /// Raises the version.
    pub(super) async fn invalidate(&self) -> Result<(), Unavailable> {
        self.redis.run(&INVALIDATE.call(&[&*self.version_key])).await
    }

    fn page_key(&self, key: &str) -> String {
        format!("{}:{key}", self.version_key)
    }
}

/// The beginning of what is stored under a version.
fn prefix(Version(version): Version) -> String {
    format!("{version}:")
}

/// The lifetime of a page in milliseconds: up to a fifth shorter than the longest, so that pages filled together do not
/// expire together. It is derived from the key, so no randomness is needed.
fn ttl_ms(key: &str) -> u64 {
    let hash = key.bytes().fold(0_u64, |hash, byte| hash.wrapping_mul(31).wrapping_add(byte.into()));
    MAX_TTL_MS - hash % (MAX_TTL_MS / 5)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fingerprint::fingerprint;

    #[test]
    fn pages_expire_at_different_times_and_none_too_late() {
        let ttls: Vec<_> = (0..100).map(|n| ttl_ms(&fingerprint([Some(n.to_string().as_str())]))).collect();
        assert!(ttls.iter().all(|ttl| (24_000..=30_000).contains(ttl)));
        let early = ttls.iter().filter(|ttl| **ttl < 27_000).count();
        assert!((30..70).contains(&early), "{early} of 100");
    }
}
