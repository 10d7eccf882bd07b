//! What the log of one client holds, for a client that wants to see it.

use std::sync::LazyLock;
use std::time::Duration;

use crate::protection::quota::Quota;
use crate::stores::redis::{Redis, Script, Unavailable};

static WINDOW: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("window.lua")));

/// The requests of one client that count now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// The quota that they count against, with its override.
    pub quota: Quota,
    /// For each of them, the oldest first, the time until it leaves the window.
    pub leaves_in: Vec<Duration>,
}

impl Window {
    /// How many more would pass now.
    #[must_use]
    pub fn remaining(&self) -> u32 {
        let used = u32::try_from(self.leaves_in.len()).unwrap_or(u32::MAX);
        self.quota.limit.saturating_sub(used)
    }

    /// Until the next request would pass; zero if it would pass now. More requests than the limit allows are in the
    /// window after the limit was lowered; then several must leave.
    #[must_use]
    pub fn next_passes_in(&self) -> Duration {
        let limit = usize::try_from(self.quota.limit).unwrap_or(usize::MAX);
        let blocking = self.leaves_in.len().checked_sub(limit).and_then(|excess| self.leaves_in.get(excess));
        blocking.copied().unwrap_or_default()
    }
}

/// Reads the log whose name is `log`, of requests that count against `quota`.
pub(super) async fn read(redis: &Redis, quota: Quota, log: String) -> Result<Window, Unavailable> {
    let window = u64::try_from(quota.window.as_millis()).unwrap_or(u64::MAX);
    let waits: Vec<u64> = redis.run(&WINDOW.call(&[log]).arg(window)).await?;
    Ok(Window { quota, leaves_in: waits.into_iter().map(Duration::from_millis).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protection::quota::SECOND;

    #[test]
    fn the_next_request_passes_when_enough_others_have_left() {
        for (limit, leaves_in, remaining, next) in [
            (2, vec![], 2, 0),
            (2, vec![3], 1, 0),
            (2, vec![3, 7], 0, 3),
            // The limit was lowered to 1.
            (1, vec![3, 7], 0, 7),
        ] {
            let leaves_in: Vec<_> = leaves_in.into_iter().map(|seconds| SECOND * seconds).collect();
            let window = Window { quota: Quota::new("test", limit), leaves_in };
            assert_eq!(
                (window.remaining(), window.next_passes_in()),
                (remaining, SECOND * next),
                "{window:?}"
            );
        }
    }
}
