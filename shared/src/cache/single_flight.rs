//! Single flight: of the readers in this process that miss one page, one fetches it and the others wait for it.
//!
//! The first reader of a page and version becomes the leader of a flight, later ones become followers. The leader
//! shares the page with them through a channel. A leader that is dropped without a page, because its query failed or
//! its request was cancelled, ends the flight; its followers then join again, and one of them leads.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use super::cached_page::CachedPage;
use super::entries::Version;

/// The pages that are being fetched, each under the version that its readers have seen. A reader that has seen a later
/// version must not join: the page being fetched may be older than the write that raised the version.
#[derive(Clone, Default)]
pub(super) struct SingleFlight(Arc<Mutex<HashMap<FlightKey, watch::Receiver<Option<CachedPage>>>>>);

type FlightKey = (String, Version);

/// A reader's part in a flight.
pub(super) enum Participant {
    /// It fetches the page, for the others too.
    Leader(Leader),
    /// It waits for the page.
    Follower(Follower),
}

impl SingleFlight {
    /// Joins the flight of this page and version, or begins one.
    pub(super) fn join(&self, key: &str, version: Version) -> Participant {
        let key = (key.to_owned(), version);
        let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(page) = flights.get(&key) {
            return Participant::Follower(Follower(page.clone()));
        }
        let (page, followers) = watch::channel(None);
        flights.insert(key.clone(), followers);
        Participant::Leader(Leader { flights: self.clone(), key, page })
    }
}

/// The reader that fetches the page. Dropping it ends the flight, with or without a page.
pub(super) struct Leader {
    flights: SingleFlight,
    key: FlightKey,
    page: watch::Sender<Option<CachedPage>>,
}

impl Leader {
    /// Gives the page to all followers, also to those that join later.
    pub(super) fn share(&self, page: &CachedPage) {
        self.page.send_replace(Some(page.clone()));
    }
}

impl Drop for Leader {
    fn drop(&mut self) {
        // Before the channel closes, so that a follower that finds it closed can begin a new flight.
        self.flights.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

/// A reader that waits for the leader.
pub(super) struct Follower(watch::Receiver<Option<CachedPage>>);

impl Follower {
    /// Waits for the page; `None` if the leader was dropped without one.
    pub(super) async fn page(&mut self) -> Option<CachedPage> {
        self.0.wait_for(Option::is_some).await.ok()?.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn follower(place: Participant) -> Follower {
        match place {
            Participant::Follower(follower) => follower,
            Participant::Leader(_) => panic!("nobody else leads"),
        }
    }

    #[tokio::test]
    async fn followers_get_the_page_that_the_leader_fetched() {
        let flights = SingleFlight::default();
        let Participant::Leader(leader) = flights.join("page", Version(1)) else {
            panic!("somebody leads already")
        };
        let mut early = follower(flights.join("page", Version(1)));
        leader.share(&CachedPage::new("", b"page"));
        let mut late = follower(flights.join("page", Version(1)));
        drop(leader);
        assert_eq!(early.page().await, Some(CachedPage::new("", b"page")));
        assert_eq!(late.page().await, early.page().await);
    }

    #[tokio::test]
    async fn another_version_is_another_flight() {
        let flights = SingleFlight::default();
        let _leader = flights.join("page", Version(1));
        assert!(matches!(flights.join("page", Version(2)), Participant::Leader(_)));
        assert!(matches!(flights.join("other", Version(1)), Participant::Leader(_)));
    }

    #[tokio::test]
    async fn a_leader_dropped_without_a_page_is_succeeded() {
        let flights = SingleFlight::default();
        let leader = flights.join("page", Version(1));
        let mut waiting = follower(flights.join("page", Version(1)));
        drop(leader);
        assert_eq!(waiting.page().await, None);
        assert!(matches!(flights.join("page", Version(1)), Participant::Leader(_)));
        assert_eq!(flights.0.lock().unwrap().len(), 0, "nothing is left behind");
    }
}
