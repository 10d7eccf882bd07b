//! Cached pages under one version: raising the version forgets every page at once.
//!
//! A page is stored only if the version its reader saw before asking the database still stands, so that a
//! slow reader can't publish what a writer has just made untrue.

use std::sync::LazyLock;

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
    /// The stored page, byte for byte.
    Hit(Bytes),
    /// Nothing stored; a page queried from now on may be stored under this version.
    Miss(Version),
}

/// The version of all pages at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version(u64);

impl Cache {
    /// The cache of the lists called `name`.
    #[must_use]
    pub fn new(redis: Redis, name: &str) -> Self {
        let space = redis.key(&format!("cache:{{{name}}}"));
        Self { redis, space }
    }

    /// Looks a page up, in one round trip.
    pub async fn read(&self, key: &Key) -> Result<Lookup, Unavailable> {
        let answer: (u64, Option<Vec<u8>>) = self
            .redis
            .run(|mut connection| async move {
                READ.key(&self.space).arg(&key.0).invoke_async(&mut connection).await
            })
            .await?;
        Ok(match answer {
            (_, Some(page)) => Lookup::Hit(page.into()),
            (version, None) => Lookup::Miss(Version(version)),
        })
    }

    /// Stores a page that was queried after `version` was read, unless the version has been raised since.
    pub async fn store(&self, key: &Key, version: Version, page: &Bytes) -> Result<(), Unavailable> {
        self.redis
            .run(|mut connection| async move {
                let mut call = STORE.key(&self.space);
                call.arg(&key.0).arg(version.0).arg(page.as_ref()).arg(PAGE_LIFE_MS);
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

/// Names a page: a hash over the fields that determine it.
#[derive(Debug, PartialEq, Eq)]
pub struct Key([u8; 32]);

impl Key {
    /// Hashes `fields` in the order given. Each goes in with its length, and an absent one as a mark of its
    /// own, so that absent, empty and `0` are three keys and no value can imitate a boundary.
    pub fn of<'a>(fields: impl IntoIterator<Item = Option<&'a str>>) -> Self {
        let mut hash = Sha256::new();
        for field in fields {
            match field {
                None => hash.update([0]),
                Some(text) => {
                    hash.update([1]);
                    hash.update((text.len() as u64).to_be_bytes());
                    hash.update(text);
                }
            }
        }
        Self(hash.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_empty_and_zero_are_three_keys() {
        let keys = [None, Some(""), Some("0")].map(|field| Key::of([field]));
        assert!(keys[0] != keys[1] && keys[1] != keys[2] && keys[0] != keys[2]);
    }

    #[test]
    fn a_boundary_can_not_be_imitated() {
        assert_ne!(Key::of([Some("ab"), Some("c")]), Key::of([Some("a"), Some("bc")]));
        assert_ne!(Key::of([Some("a"), None]), Key::of([Some("a\0")]));
    }
}
