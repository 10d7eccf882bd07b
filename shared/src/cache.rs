//! Cached pages under one version: raising the version forgets every page at once.
//!
//! A page is stored only if the version its reader saw before asking the database still stands, so that a
//! slow reader can't publish what a writer has just made untrue. Of many who miss one page, one asks the database:
//! in a process they share a flight, among processes there is a lease in Redis.

mod entries;
mod flights;
mod sealed;

use std::future::Future;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use self::entries::{Entries, Look, Missing};
use self::flights::{Flights, Place};
pub use self::sealed::Sealed;
use crate::config::{self, Env};
use crate::stores::redis::{Redis, Unavailable};

/// The longest that anybody waits for somebody else to fill a page, where `CACHE_PATIENCE_MS` is not set.
const DEFAULT_PATIENCE_MS: u64 = 300;
/// How often a page is looked up again that another process is filling.
const LOOK_AGAIN: Duration = Duration::from_millis(15);

/// The pages of one kind of list; cloning shares what is under way.
#[derive(Clone)]
pub struct Cache {
    entries: Entries,
    flights: Flights,
    patience: Duration,
}

/// The version of all pages at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Version(u64);

impl Cache {
    /// The cache of the lists called `name`. Reads `CACHE_PATIENCE_MS`: the longest that a reader waits for somebody
    /// else to fill a page, 10 to 5000 (default 300).
    pub fn from_env(env: &Env, redis: Redis, name: &str) -> Result<Self, config::Error> {
        let patience = env.parsed("CACHE_PATIENCE_MS", DEFAULT_PATIENCE_MS)?;
        if !(10..=5000).contains(&patience) {
            return Err(config::Error::invalid("CACHE_PATIENCE_MS", "is not from 10 to 5000"));
        }
        // Time enough remains to fetch a page whose filler has died.
        let lease_ms = patience * 2 / 3;
        let entries = Entries::new(redis, name, lease_ms);
        Ok(Self { entries, flights: Flights::default(), patience: Duration::from_millis(patience) })
    }

    /// The page called `key`, a [`fingerprint`](crate::fingerprint::fingerprint) of all that determines it: looked up
    /// in one round trip, or else the one that `query` fetches, or that somebody else is fetching. Without Redis nobody
    /// is waited for.
    pub async fn read_through<E, Query: Future<Output = Result<Sealed, E>>>(
        &self,
        key: &str,
        query: impl FnOnce() -> Query,
    ) -> Result<Sealed, E> {
        let mut missed = match self.entries.look(key).await {
            Ok(Look::Hit(page)) => return Ok(page),
            Ok(Look::Miss(missing)) => Some((missing, self.flights.join(key, missing.version))),
            Err(error) => {
                tracing::warn!(%error, "a list is served without the cache");
                None
            }
        };
        if let Some((missing, place)) = &mut missed
            && let Ok(Some(page)) = timeout(self.patience, self.others_fill(key, missing, place)).await
        {
            return Ok(page);
        }
        // On the heap: most requests have no use for so large a future.
        let page = Box::pin(query()).await?;
        if let Some((missing, place)) = missed {
            self.publish(key, &missing, place, &page).await;
        }
        Ok(page)
    }

    /// The page that somebody else fills, or `None` when it has become this caller's to fill.
    async fn others_fill(&self, key: &str, missing: &mut Missing, place: &mut Place) -> Option<Sealed> {
        loop {
            match place {
                Place::Follower(follower) => match follower.page().await {
                    Some(page) => return Some(page),
                    None => *place = self.flights.join(key, missing.version),
                },
                Place::Leader(_) if missing.leased => return None,
                Place::Leader(leader) => {
                    sleep(LOOK_AGAIN).await;
                    match self.entries.look(key).await.ok()? {
                        Look::Hit(page) => {
                            leader.land(&page);
                            return Some(page);
                        }
                        Look::Miss(still) => *missing = still,
                    }
                }
            }
        }
    }

    /// Hands the page to those in this process who wait for it, then to all others.
    async fn publish(&self, key: &str, missing: &Missing, place: Place, page: &Sealed) {
        if let Place::Leader(leader) = &place {
            leader.land(page);
        }
        if let Err(error) = self.entries.store(key, missing, page).await {
            tracing::warn!(%error, "a page was not cached");
        }
    }

    /// Forgets every page. Called after the write was committed and before it is answered.
    pub async fn forget_all(&self) -> Result<(), Unavailable> {
        self.entries.forget_all().await
    }
}
