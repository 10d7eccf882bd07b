//! Counts and latencies of what callers got.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use testkit::{Failure, Response};

/// What the callers of one kind got. Attackers share one between tasks.
#[derive(Debug, Default)]
pub(crate) struct Tally(Mutex<BTreeMap<u16, usize>>);

/// What an attacker got, by what it means.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts {
    /// Requests by status; 0 stands for a function error.
    pub(crate) statuses: BTreeMap<u16, usize>,
}

impl Tally {
    /// Counts a response.
    pub(crate) fn count(&self, response: &Result<Response, Failure>) {
        let status = response.as_ref().map_or(0, |response| response.status);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(status).or_default() += 1;
    }

    /// The counts so far.
    pub(crate) fn counts(&self) -> Counts {
        Counts { statuses: self.0.lock().unwrap_or_else(PoisonError::into_inner).clone() }
    }
}

impl Counts {
    /// All requests.
    pub(crate) fn sent(&self) -> usize {
        self.statuses.values().sum()
    }

    /// Requests that a quota refused.
    pub(crate) fn refused(&self) -> usize {
        self.of(429)
    }

    /// Requests that were told that a store is busy.
    pub(crate) fn unavailable(&self) -> usize {
        self.of(503)
    }

    /// Requests that passed their quota.
    pub(crate) fn admitted(&self) -> usize {
        self.sent() - self.refused() - self.unavailable() - self.of(0)
    }

    /// The requests since `before`.
    pub(crate) fn since(&self, before: &Self) -> Self {
        let mut statuses = self.statuses.clone();
        for (status, count) in &before.statuses {
            statuses.entry(*status).and_modify(|now| *now -= count);
        }
        Self { statuses }
    }

    /// Requests with this status.
    pub(crate) fn of(&self, status: u16) -> usize {
        self.statuses.get(&status).copied().unwrap_or_default()
    }
}

/// What honest clients got from one operation.
#[derive(Clone, Debug, Default)]
pub(crate) struct Operation {
    /// Answers of the kind that was asked for.
    pub(crate) succeeded: usize,
    /// Answers 503, 429 or 409 that told when to come back; the client came back then.
    pub(crate) told: BTreeMap<u16, usize>,
    /// Operations that were given up after many such answers.
    pub(crate) given_up: usize,
    /// Times of all answers.
    pub(crate) latencies: Vec<Duration>,
}

/// What honest clients got, by operation.
#[derive(Clone, Debug, Default)]
pub(crate) struct Operations(pub(crate) BTreeMap<&'static str, Operation>);

impl Operations {
    /// The entry of an operation.
    pub(crate) fn entry(&mut self, name: &'static str) -> &mut Operation {
        self.0.entry(name).or_default()
    }

    /// Adds what another client got.
    pub(crate) fn merge(&mut self, other: Self) {
        for (name, operation) in other.0 {
            let sum = self.entry(name);
            sum.succeeded += operation.succeeded;
            sum.given_up += operation.given_up;
            sum.latencies.extend(operation.latencies);
            for (status, count) in operation.told {
                *sum.told.entry(status).or_default() += count;
            }
        }
    }

    /// The times of all answers.
    pub(crate) fn latencies(&self) -> Vec<Duration> {
        self.0.values().flat_map(|operation| operation.latencies.iter().copied()).collect()
    }
}

/// The value below which this share of the values lies; `None` if there is none.
pub(crate) fn quantile(values: &[Duration], share: f64) -> Option<Duration> {
    let mut values = values.to_vec();
    values.sort_unstable();
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an index between 0 and the number of values"
    )]
    let index = ((values.len().saturating_sub(1)) as f64 * share).round() as usize;
    values.get(index).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_admitted_unless_it_was_refused_or_told_503_or_failed() {
        let counts = |counts: [(u16, usize); 4]| Counts { statuses: counts.into() };
        let (before, now) =
            (counts([(200, 1), (429, 2), (503, 0), (0, 0)]), counts([(200, 5), (429, 3), (503, 2), (0, 1)]));
        let since = now.since(&before);
        assert_eq!((since.sent(), since.admitted(), since.refused(), since.unavailable()), (8, 4, 1, 2));
    }

    #[test]
    fn a_quantile_is_one_of_the_values() {
        let values: Vec<_> = (1..=100).rev().map(Duration::from_millis).collect();
        assert_eq!(quantile(&values, 0.99), Some(Duration::from_millis(99)));
        assert_eq!(quantile(&values[..1], 0.5), Some(Duration::from_millis(100)));
        assert_eq!(quantile(&[], 0.5), None);
    }
}
