//! Single flight: of the callers in this process who miss one page, one fetches it and the others wait for that.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use super::Version;
use super::sealed::Sealed;

/// The pages that are being fetched, each under the version that its callers have seen. Whoever has seen a later
/// one must not join: what is on its way may be older than the write that raised the version.
#[derive(Clone, Default)]
pub(super) struct Flights(Arc<Mutex<HashMap<Name, watch::Receiver<Option<Sealed>>>>>);

type Name = (String, Version);

/// A caller's place in a flight.
pub(super) enum Place {
    /// Fetches the page, for the others too.
    Leader(Leader),
    /// Waits for it.
    Follower(Follower),
}

impl Flights {
    /// Joins whoever is fetching this page, or begins to.
    pub(super) fn join(&self, key: &str, version: Version) -> Place {
        let name = (key.to_owned(), version);
        let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(page) = flights.get(&name) {
            return Place::Follower(Follower(page.clone()));
        }
        let (page, followers) = watch::channel(None);
        flights.insert(name.clone(), followers);
        Place::Leader(Leader { flights: self.clone(), name, page })
    }
}

/// Dropped, it ends the flight, whether there is a page or not.
pub(super) struct Leader {
    flights: Flights,
    name: Name,
    page: watch::Sender<Option<Sealed>>,
}

impl Leader {
    /// Gives the page to all who wait, and to those who still join.
    pub(super) fn land(&self, page: &Sealed) {
        self.page.send_replace(Some(page.clone()));
    }
}

impl Drop for Leader {
    fn drop(&mut self) {
        // Before the channel closes, so that who finds it closed can begin a new flight.
        self.flights.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.name);
    }
}

pub(super) struct Follower(watch::Receiver<Option<Sealed>>);

impl Follower {
    /// The page, or `None` if the leader left without one.
    pub(super) async fn page(&mut self) -> Option<Sealed> {
        self.0.wait_for(Option::is_some).await.ok()?.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn follower(place: Place) -> Follower {
        match place {
            Place::Follower(follower) => follower,
            Place::Leader(_) => panic!("nobody else leads"),
        }
    }

    #[tokio::test]
    async fn who_joins_gets_what_the_leader_fetched() {
        let flights = Flights::default();
        let Place::Leader(leader) = flights.join("page", Version(1)) else {
            panic!("somebody leads already")
        };
        let mut early = follower(flights.join("page", Version(1)));
        leader.land(&Sealed::new("", b"page"));
        let mut late = follower(flights.join("page", Version(1)));
        drop(leader);
        assert_eq!(early.page().await, Some(Sealed::new("", b"page")));
        assert_eq!(late.page().await, early.page().await);
    }

    #[tokio::test]
    async fn another_version_is_another_flight() {
        let flights = Flights::default();
        let _leader = flights.join("page", Version(1));
        assert!(matches!(flights.join("page", Version(2)), Place::Leader(_)));
        assert!(matches!(flights.join("other", Version(1)), Place::Leader(_)));
    }

    #[tokio::test]
    async fn a_leader_that_leaves_with_nothing_is_succeeded() {
        let flights = Flights::default();
        let leader = flights.join("page", Version(1));
        let mut waiting = follower(flights.join("page", Version(1)));
        drop(leader);
        assert_eq!(waiting.page().await, None);
        assert!(matches!(flights.join("page", Version(1)), Place::Leader(_)));
        assert_eq!(flights.0.lock().unwrap().len(), 0, "nothing is left behind");
    }
}
