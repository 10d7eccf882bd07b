//! Between two requests Lambda freezes the whole process, for milliseconds or for an hour.
//!
//! A connection that was open before may be dead after, without a sign, and a wait may be long over. [`LastUse`]
//! tells by two clocks.

use std::time::{Duration, Instant, SystemTime};

/// When something was so, a connection known to work for instance, by two clocks: the monotonic one may stand still in a frozen
/// process, the wall clock may be set back.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LastUse {
    monotonic: Instant,
    wall: SystemTime,
}

impl LastUse {
    pub(crate) fn now() -> Self {
        Self { monotonic: Instant::now(), wall: SystemTime::now() }
    }

    /// What is left of `wait`, which began then; nothing if it is over by either clock.
    pub(crate) fn left_of(self, wait: Duration) -> Option<Duration> {
        if self.is_older_than(wait) {
            return None;
        }
        let passed = self.monotonic.elapsed().max(self.wall.elapsed().unwrap_or_default());
        wait.checked_sub(passed).filter(|left| !left.is_zero())
    }

    /// Whether `limit` or more has passed by either clock, or the wall clock went backwards.
    pub(crate) fn is_older_than(self, limit: Duration) -> bool {
        self.monotonic.elapsed() >= limit
            || self.wall.elapsed().is_ok_and(|elapsed| elapsed >= limit)
            || self.wall.elapsed().is_err()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(1);

    #[test]
    fn a_connection_just_used_is_not_doubted() {
        assert!(!LastUse::now().is_older_than(LIMIT));
    }

    #[test]
    fn either_clock_raises_doubt() {
        let now = LastUse::now();
        let slept = LastUse { wall: now.wall - 2 * LIMIT, ..now };
        let set_back = LastUse { wall: now.wall + 2 * LIMIT, ..now };
        assert!(slept.is_older_than(LIMIT) && set_back.is_older_than(LIMIT));
    }
}
