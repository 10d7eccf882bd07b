//! Counts round trips that were made one after the other, over several stores together.
//!
//! Bytes that a client sends have a depth: one more than that of the deepest answer that was delivered before, by any
//! of the stores. An answer has the depth of the last bytes that were sent on its connection when it arrived. So bytes
//! that travel together have the same depth, and the largest depth is the number of round trips that a client waited
//! for. That needs answers which take a while: what a client sends together must be sent before it sees the first one.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

/// After this time without any traffic, nothing is under way. It is longer than the delay of answers.
const QUIET: Duration = Duration::from_millis(30);

/// The longest time that a test waits for an end of the traffic.
const WAIT_LIMIT: Duration = Duration::from_secs(5);

/// The counter of one or more proxies. Clones count together.
#[derive(Clone, Default)]
pub struct TripCounter(Arc<Mutex<Counts>>);

struct Counts {
    /// The largest depth of bytes that were sent.
    sent: usize,
    /// The largest depth of an answer that was delivered.
    delivered: usize,
    /// The depth that counts as zero.
    base: usize,
    /// The number of connections whose last bytes were not answered yet.
    unanswered: usize,
    /// The time of the last traffic.
    last: Instant,
}

impl Default for Counts {
    fn default() -> Self {
        Self { sent: 0, delivered: 0, base: 0, unanswered: 0, last: Instant::now() }
    }
}

impl TripCounter {
    /// The number of round trips since the last call that were made one after the other.
    ///
    /// Answers to what was sent before this call no longer count, but bytes that are sent later do: see
    /// [`settled`](Self::settled).
    #[must_use]
    pub fn trips(&self) -> usize {
        let mut counts = self.counts();
        let trips = counts.sent - counts.base;
        // Everything that is under way is at most this deep.
        (counts.base, counts.delivered) = (counts.sent, counts.sent);
        trips
    }

    /// Waits until all that was sent is answered and nothing more is sent, also by tasks that outlive their request.
    ///
    /// # Panics
    /// When that does not happen within five seconds.
    pub async fn settled(&self) {
        let is_quiet = || {
            let counts = self.counts();
            counts.unanswered == 0 && counts.last.elapsed() >= QUIET
        };
        let waiting = async {
            // Tasks that were just spawned have not sent anything yet.
            sleep(QUIET).await;
            while !is_quiet() {
                sleep(QUIET / 10).await;
            }
        };
        timeout(WAIT_LIMIT, waiting).await.expect("the traffic to the stores ends");
    }

    /// Counts the bytes and answers of a new connection.
    pub(super) fn connection(&self) -> ConnectionTrips {
        ConnectionTrips { counter: self.clone(), depth: 0, is_answered: true }
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The part of one connection in the counts.
pub(super) struct ConnectionTrips {
    counter: TripCounter,
    /// The depth of the last bytes that were sent.
    depth: usize,
    is_answered: bool,
}

impl ConnectionTrips {
    /// Notes that the client has sent bytes. Returns whether they begin another round trip on this connection.
    pub(super) fn sent(&mut self) -> bool {
        let begins = std::mem::take(&mut self.is_answered);
        let mut counts = self.counter.counts();
        self.depth = counts.delivered + 1;
        counts.sent = counts.sent.max(self.depth);
        counts.unanswered += usize::from(begins);
        counts.last = Instant::now();
        begins
    }

    /// The depth of an answer that arrives now.
    pub(super) fn depth(&self) -> usize {
        self.depth
    }

    /// Notes that an answer is being delivered to the client.
    pub(super) fn delivered(&mut self, depth: usize) {
        self.answered();
        let mut counts = self.counter.counts();
        counts.delivered = counts.delivered.max(depth);
        counts.last = Instant::now();
    }

    /// Notes that no answer is awaited any more.
    pub(super) fn answered(&mut self) {
        if !std::mem::replace(&mut self.is_answered, true) {
            self.counter.counts().unanswered -= 1;
        }
    }
}

impl Drop for ConnectionTrips {
    fn drop(&mut self) {
        self.answered();
    }
}
