//! What a proxy and its connections share: the faults, the counters and the record of what was sent.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::faults::Faults;
use super::trips::TripCounter;

#[derive(Default)]
pub(super) struct State {
    /// Connections are told of every change.
    pub(super) faults: watch::Sender<Faults>,
    /// Counts the trips to this store together with those to other ones.
    pub(super) counter: TripCounter,
    /// The round trips to this store.
    pub(super) trips: AtomicUsize,
    /// The number of connections that were opened so far.
    pub(super) opened: AtomicUsize,
    /// The number of connections that clients have open.
    pub(super) open: AtomicUsize,
    /// The number of bytes of answers that were not delivered yet.
    pub(super) held_back: AtomicUsize,
    sent: Mutex<Vec<u8>>,
}

impl State {
    pub(super) fn counted_by(counter: TripCounter) -> Self {
        Self { counter, ..Self::default() }
    }

    /// The bytes that clients have sent.
    pub(super) fn sent(&self) -> MutexGuard<'_, Vec<u8>> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets a fault, also for open connections.
    pub(super) fn set(&self, change: impl FnOnce(&mut Faults, usize)) {
        let opened = self.opened.load(SeqCst);
        self.faults.send_modify(|faults| change(faults, opened));
    }
}
