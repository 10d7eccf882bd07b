//! Cached pages under one version: raising the version forgets every page at once.
//!
//! A page is stored only if the version its reader saw before asking the database still stands, so that a
//! slow reader can't publish what a writer has just made untrue.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use redis::Script;
use sha2::{Digest, Sha256};

use crate::redis::{Redis, Unavailable};

/// How long a page lives, in milliseconds: also the longest staleness when an invalidation fails.
pub const PAGE_LIFE_MS: u64 = 30_000;

static READ: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("cache/read.lua")));
static STORE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("cache/store.lua")));
static FORGET: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("cache/forget.lua")));

/// The pages of one kind of list.
#[derive(Clone)]
pub struct Cache {
    redis: Redis,
    /// `{name}`, the Redis Cluster hash tag: a version and its pages must live on one node.
    space: String,
}

/// What a look-up found.
#[derive(Debug)]
pub enum Lookup {
    /// The stored page.
    Hit(Sealed),
    /// Nothing stored; a page queried from now on may be stored under this version.
    Miss(Version),
}

/// The version of all pages at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(u64);

impl Cache {
    /// The cache of the lists called `name`.
    #[must_use]
    pub fn new(redis: Redis, name: &str) -> Self {
        let space = redis.key(&format!("cache:{{{name}}}"));
        Self { redis, space }
    }

    /// Looks a page up, in one round trip. `key` is a [`fingerprint`](crate::fingerprint::fingerprint) of all that
    /// determines it.
    pub async fn read(&self, key: &str) -> Result<Lookup, Unavailable> {
        let answer: (u64, Option<Vec<u8>>) = self
            .redis
            .run(|mut connection| async move {
                READ.key(&self.space).arg(key).invoke_async(&mut connection).await
            })
            .await?;
        let (version, stored) = answer;
        Ok(stored.and_then(Sealed::stored).map_or(Lookup::Miss(Version(version)), Lookup::Hit))
    }

    /// Stores a page that was queried after `version` was read, unless the version has been raised since.
    pub async fn store(&self, key: &str, version: Version, page: &Sealed) -> Result<(), Unavailable> {
        self.redis
            .run(|mut connection| async move {
                let mut call = STORE.key(&self.space);
                call.arg(key).arg(version.0).arg(page.0.as_ref()).arg(PAGE_LIFE_MS);
                call.invoke_async(&mut connection).await
            })
            .await
    }

    /// Forgets every page. Called after the write was committed and before it is answered.
    pub async fn forget_all(&self) -> Result<(), Unavailable> {
        self.redis
            .run(|mut connection| async move { FORGET.key(&self.space).invoke_async(&mut connection).await })
            .await
    }
}

/// A page with a checksum before it. A page is never parsed on its way out, so this is what tells a damaged one;
/// and it is a name for just these bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed(Bytes);

impl Sealed {
    /// Bytes of checksum.
    const LENGTH: usize = 16;

    /// `page`, sealed.
    #[must_use]
    pub fn new(page: &[u8]) -> Self {
        Self([&Sha256::digest(page)[..Self::LENGTH], page].concat().into())
    }

    /// What was stored, unless it is damaged.
    fn stored(bytes: Vec<u8>) -> Option<Self> {
        let (checksum, page) = bytes.split_at_checked(Self::LENGTH)?;
        let intact = Sha256::digest(page)[..Self::LENGTH] == *checksum;
        intact.then(|| Self(bytes.into()))
    }

    /// The page, byte for byte.
    #[must_use]
    pub fn page(&self) -> Bytes {
        self.0.slice(Self::LENGTH..)
    }

    /// A name that only these bytes have, in base64url.
    #[must_use]
    pub fn name(&self) -> String {
        URL_SAFE_NO_PAD.encode(&self.0[..Self::LENGTH])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_page_is_no_page() {
        let stored = Sealed::new(b"page").0.to_vec();
        assert_eq!(Sealed::stored(stored.clone()).unwrap().page(), "page");
        for at in 0..stored.len() {
            let mut damaged = stored.clone();
            damaged[at] ^= 1;
            assert_eq!(Sealed::stored(damaged), None, "{at}");
        }
        assert_eq!(Sealed::stored(b"short".to_vec()), None);
        assert_eq!(Sealed::new(b"").page(), "");
    }
}
