//! A read-through cache of list pages in Redis, all of them under one version.
//!
//! Every entry belongs to a version and counts only under that one, so raising the version invalidates every page at
//! once; what was stored before is overwritten, or expires by itself. A reader learns the version in the same round
//! trip in which it looks a page up. After a miss it queries the database and stores the page only if the version is
//! still the same: so a slow reader can't store a page from before a write. Of many concurrent misses on one page, one
//! reader queries and the others wait for its page: within a process they share a flight (single flight), among
//! processes a lease in Redis decides. A reader that has waited for `CACHE_PATIENCE_MS` queries by itself. Without
//! Redis every read is a query, and nobody waits.
//!
//! A function that changes what the pages show calls [`Cache::invalidate_or_record`] after the commit and before the
//! response.

mod cached_page;
mod entries;
pub mod pending_invalidation;
mod single_flight;

use std::future::Future;
use std::time::Duration;

use tokio::time::{sleep, timeout};

pub use self::cached_page::CachedPage;
use self::entries::{Entries, Miss};
use self::single_flight::{Participant, SingleFlight};
use crate::config::{self, Env};
use crate::stores::redis::{Redis, Unavailable};
use crate::telemetry::metrics::{self, Metric};

/// The longest wait for another reader to fill a page, in milliseconds, where `CACHE_PATIENCE_MS` is not set.
const DEFAULT_FILL_TIMEOUT_MS: u64 = 300;
/// How often a page that another process fills is looked up again.
const POLL_INTERVAL: Duration = Duration::from_millis(15);

/// The pages of one kind of list; cloning shares the flights.
#[derive(Clone)]
pub struct Cache {
    name: &'static str,
    entries: Entries,
    flights: SingleFlight,
    fill_timeout: Duration,
}

/// The result of a look-up.
pub enum Lookup {
    /// The cached page.
    Hit(CachedPage),
    /// There is none, or Redis gave no answer; [`Cache::fill`] gets the page.
    Miss(MissedPage),
}

/// A page that is not cached.
pub struct MissedPage {
    key: String,
    /// `None` without Redis.
    miss: Option<Miss>,
}

impl Cache {
    /// The cache of the lists called `name`. Reads `CACHE_PATIENCE_MS`: the longest that a reader waits for another one
    /// to fill a page, in milliseconds, 10 to 5000 (default 300).
    pub fn from_env(env: &Env, redis: Redis, name: &'static str) -> Result<Self, config::Error> {
        let fill_timeout_ms = env.parsed("CACHE_PATIENCE_MS", DEFAULT_FILL_TIMEOUT_MS)?;
        if !(10..=5000).contains(&fill_timeout_ms) {
            return Err(config::Error::invalid("CACHE_PATIENCE_MS", "is not from 10 to 5000"));
        }
        // Shorter than the wait, so that a waiting reader can take over from a process that has died.
        let lease_ms = fill_timeout_ms * 2 / 3;
        let entries = Entries::new(redis, name, lease_ms);
        let fill_timeout = Duration::from_millis(fill_timeout_ms);
        Ok(Self { name, entries, flights: SingleFlight::default(), fill_timeout })
    }

    /// Looks up the page called `key`, a [`fingerprint`](crate::fingerprint::fingerprint) of everything that determines
    /// it, in one round trip to Redis. A failure of Redis is logged and is a miss.
    pub async fn look_up(&self, key: &str) -> Lookup {
        let miss = match self.entries.look_up(key).await {
            Ok(entries::Lookup::Hit(page)) => return Lookup::Hit(page),
            Ok(entries::Lookup::Miss(miss)) => Some(miss),
            Err(error) => {
                metrics::count(Metric::UncachedLists);
                tracing::warn!(%error, "a list is served without the cache");
                None
            }
        };
        Lookup::Miss(MissedPage { key: key.to_owned(), miss })
    }

    /// Returns a page that was missed: from another reader that is querying it already, or from `query`, whose page is
    /// then stored. Errors are those of `query`; a failure of Redis is logged and costs the cache alone.
    pub async fn fill<E, Query: Future<Output = Result<CachedPage, E>>>(
        &self,
        MissedPage { key, miss }: MissedPage,
        query: impl FnOnce() -> Query,
    ) -> Result<CachedPage, E> {
        let mut missed = miss.map(|miss| (miss, self.flights.join(&key, miss.version)));
        if let Some((miss, participant)) = &mut missed
            && let Ok(Some(page)) =
                timeout(self.fill_timeout, self.wait_for_fill(&key, miss, participant)).await
        {
            return Ok(page);
        }
        // On the heap: most requests have no use for so large a future.
        let page = Box::pin(query()).await?;
        if let Some((miss, participant)) = missed {
            self.publish(&key, &miss, participant, &page).await;
        }
        Ok(page)
    }

    /// Waits for the page that another reader fills. Returns `None` as soon as this reader has to fill it.
    async fn wait_for_fill(
        &self,
        key: &str,
        miss: &mut Miss,
        participant: &mut Participant,
    ) -> Option<CachedPage> {
        loop {
            match participant {
                Participant::Follower(follower) => match follower.page().await {
                    Some(page) => return Some(page),
                    None => *participant = self.flights.join(key, miss.version),
                },
                Participant::Leader(_) if miss.lease.is_some() || miss.is_too_large => return None,
                Participant::Leader(leader) => {
                    sleep(POLL_INTERVAL).await;
                    match self.entries.look_up(key).await.ok()? {
                        entries::Lookup::Hit(page) => {
                            leader.share(&page);
                            return Some(page);
                        }
                        entries::Lookup::Miss(again) => *miss = again,
                    }
                }
            }
        }
    }

    /// Gives the page to the waiting readers of this process, then begins to store it for all others.
    async fn publish(&self, key: &str, miss: &Miss, participant: Participant, page: &CachedPage) {
        if let Participant::Leader(leader) = &participant {
            leader.share(page);
        }
        self.entries.store(key, miss, page).await;
    }

    /// Invalidates every page, or fails and leaves them as they are.
    pub async fn invalidate(&self) -> Result<(), Unavailable> {
        self.entries.invalidate().await
    }
}
