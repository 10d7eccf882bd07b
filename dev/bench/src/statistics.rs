//! Order statistics: times on a shared machine have long tails, so nothing here is a mean.

/// The summary of a series of measurements, in their unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Summary {
    /// The number of measurements.
    pub(super) n: usize,
    pub(super) median: f64,
    /// The 99th percentile; of fewer than a hundred measurements the largest.
    pub(super) p99: f64,
    /// The first and the third quartile: half of all measurements lie between them.
    pub(super) quartiles: [f64; 2],
}

impl Summary {
    /// `None` if there are no values.
    pub(super) fn of(values: &[f64]) -> Option<Self> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |percent| percentile(&sorted, percent);
        Some(Self { n: sorted.len(), median: at(50)?, p99: at(99)?, quartiles: [at(25)?, at(75)?] })
    }
}

/// The smallest value that at least `percent` of all values do not exceed (the nearest-rank method).
fn percentile(sorted: &[f64], percent: usize) -> Option<f64> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.max(1) - 1).copied()
}

/// The ratio in each round. A slow moment of the machine affects both values of a round.
pub(super) fn ratios(ours: &[f64], theirs: &[f64]) -> Vec<f64> {
    ours.iter().zip(theirs).filter(|(_, theirs)| **theirs > 0.0).map(|(ours, theirs)| ours / theirs).collect()
}

/// The sum in each round.
pub(super) fn sums(one: &[f64], other: &[f64]) -> Vec<f64> {
    one.iter().zip(other).map(|(one, other)| one + other).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upto(n: u32) -> Vec<f64> {
        (1..=n).rev().map(f64::from).collect()
    }

    #[test]
    fn the_percentiles_of_a_hundred_are_their_ranks() {
        let summary = Summary::of(&upto(100)).unwrap();
        assert_eq!(summary, Summary { n: 100, median: 50.0, p99: 99.0, quartiles: [25.0, 75.0] });
    }

    #[test]
    fn the_p99_of_few_values_is_the_largest() {
        let summary = Summary::of(&upto(3)).unwrap();
        assert_eq!(summary, Summary { n: 3, median: 2.0, p99: 3.0, quartiles: [1.0, 3.0] });
        assert_eq!(Summary::of(&upto(1)).unwrap().p99.to_bits(), 1.0_f64.to_bits());
        assert_eq!(Summary::of(&[]), None);
    }

    #[test]
    fn one_outlier_moves_the_tail_alone() {
        let mut values = upto(50);
        let before = Summary::of(&values).unwrap();
        values[0] = 1e9;
        let after = Summary::of(&values).unwrap();
        assert_eq!((after.median, after.quartiles), (before.median, before.quartiles));
        assert!(after.p99 > before.p99);
    }

    #[test]
    fn a_slow_moment_that_affects_both_leaves_their_ratio() {
        let ratios = ratios(&[2.0, 20.0, 2.0], &[1.0, 10.0, 1.0]);
        assert_eq!(ratios, [2.0; 3]);
        assert_eq!(sums(&[1.0, 10.0], &[2.0, 20.0]), [3.0, 30.0]);
    }
}
