//! Time that also passes while the process is frozen.
//!
//! Between two invocations Lambda freezes the whole process, for milliseconds or for an hour. Meanwhile a connection
//! may die without a sign, and a waiting time may run out. The monotonic clock can stand still in a frozen process,
//! and the wall clock can be set back, so [`FreezeAwareInstant`] reads both and believes the one that shows more time.

use std::time::{Duration, Instant, SystemTime};

/// A moment, recorded by the monotonic and by the wall clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FreezeAwareInstant {
    monotonic: Instant,
    wall: SystemTime,
}

impl FreezeAwareInstant {
    pub(crate) fn now() -> Self {
        Self { monotonic: Instant::now(), wall: SystemTime::now() }
    }

    /// Returns the rest of a `period` that began at this moment, or `None` if it is over by either clock.
    pub(crate) fn remaining(self, period: Duration) -> Option<Duration> {
        if self.is_older_than(period) {
            return None;
        }
        let passed = self.monotonic.elapsed().max(self.wall.elapsed().unwrap_or_default());
        period.checked_sub(passed).filter(|rest| !rest.is_zero())
    }

    /// Tells whether `limit` or more has passed by either clock. A wall clock that went backwards counts as passed.
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
    fn a_moment_just_now_is_not_old() {
        assert!(!FreezeAwareInstant::now().is_older_than(LIMIT));
    }

    #[test]
    fn either_clock_makes_a_moment_old() {
        let now = FreezeAwareInstant::now();
        let slept = FreezeAwareInstant { wall: now.wall - 2 * LIMIT, ..now };
        let set_back = FreezeAwareInstant { wall: now.wall + 2 * LIMIT, ..now };
        assert!(slept.is_older_than(LIMIT) && set_back.is_older_than(LIMIT));
    }
}
