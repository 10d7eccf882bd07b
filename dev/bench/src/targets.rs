//! The performance targets of this project, and whether a run meets them.

use serde_json::{Value, json};

use crate::results::Results;

/// A target and the measured value.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) work: String,
    pub(super) target: String,
    pub(super) measured: f64,
    pub(super) met: bool,
}

impl Target {
    pub(super) fn json(&self) -> Value {
        json!({"work": self.work, "target": self.target, "measured": self.measured, "met": self.met})
    }
}

/// The bound of a measured value.
#[derive(Clone, Copy)]
enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

/// Ratios: the group, the scenario, the subject, the subjects to whose total time it is compared, and the bound.
const RATIOS: [(&str, &str, &str, &[&str], Bound); 11] = [
    ("cold", "cached list", "us", &["floor"], Bound::AtMost(2.0)),
    ("cold", "cached list", "peer", &["us"], Bound::AtLeast(100.0)),
    ("books", "cached list", "us", &["floor", "commands"], Bound::AtMost(1.3)),
    ("books", "cached list", "peer", &["us"], Bound::AtLeast(4.0)),
    ("books", "uncached list", "us", &["floor", "sql"], Bound::AtMost(1.3)),
    ("books", "item", "us", &["floor", "commands"], Bound::AtMost(1.3)),
    ("auth", "login", "us", &["bcrypt"], Bound::AtMost(1.02)),
    ("ping", "ping, admitted", "us", &["floor", "commands"], Bound::AtMost(1.3)),
    ("ping", "ping, refused", "us", &["floor", "commands"], Bound::AtMost(1.25)),
    ("large", "deep page by cursor of 1000000", "us", &["us, first page"], Bound::AtMost(1.2)),
    ("large", "title search, one match of 1000000", "us", &["index probe"], Bound::AtMost(5.0)),
];

/// The most round trips that a request waits for.
const TRIPS: [(&str, f64); 8] = [
    ("cached list", 1.0),
    ("uncached list", 2.0),
    ("item", 1.0),
    ("create", 3.0),
    ("update", 3.0),
    ("login", 4.0),
    ("refresh", 3.0),
    ("ping", 1.0),
];

/// Every target for which the run has results.
pub(super) fn evaluate(results: &Results) -> Vec<Target> {
    let mut targets = Vec::new();
    for (group, name, subject, others, bound) in RATIOS {
        let ratio = results.ratio(group, name, subject, others);
        let work = format!("{group}: {name}, {subject}");
        let target = format!("{} × {}", bound.text(), others.join(" + "));
        targets.extend(ratio.map(|ratio| bound.check(work, target, ratio.median)));
    }
    targets.extend(tail(results));
    targets.extend(cpu(results));
    targets.extend(sizes(results));
    targets.extend(trips(results));
    targets.extend(total(results));
    targets
}

impl Bound {
    fn text(self) -> String {
        match self {
            Self::AtMost(bound) => format!("≤ {bound}"),
            Self::AtLeast(bound) => format!("≥ {bound}"),
        }
    }

    fn check(self, work: String, target: String, measured: f64) -> Target {
        let met = match self {
            Self::AtMost(bound) => measured <= bound,
            Self::AtLeast(bound) => measured >= bound,
        };
        Target { work, target, measured, met }
    }
}

fn tail(results: &Results) -> Option<Target> {
    let list = results.series("books", "cached list", "us")?.summary()?;
    let bound = Bound::AtMost(3.0);
    Some(bound.check("books: cached list, p99".into(), "≤ 3 × the median".into(), list.p99 / list.median))
}

fn cpu(results: &Results) -> Vec<Target> {
    let of = |subject| Some(results.series("books", "cached list", subject)?.cpu_summary()?.median);
    let (Some(floor), Some(us), Some(peer)) = (of("floor"), of("us"), of("peer")) else { return Vec::new() };
    let work = |subject: &str| format!("books: cached list, CPU, {subject}");
    vec![
        Bound::AtMost(1.7).check(work("us"), "≤ 1.7 × floor".into(), us / floor),
        Bound::AtLeast(6.0).check(work("peer"), "≥ 6 × us".into(), peer / us),
    ]
}

/// The largest memory and zips of all functions.
fn sizes(results: &Results) -> Vec<Target> {
    let largest = |prefix: &str, with_sdk: Option<bool>| {
        let ours = results.metrics.iter().filter(|metric| metric.subject == "us");
        let values = ours.filter_map(|metric| {
            let function = metric.name.strip_prefix(prefix)?;
            let has_sdk = results.metric(&format!("AWS SDK in {function}"), "us").is_some();
            with_sdk.is_none_or(|with_sdk| with_sdk == has_sdk).then_some(metric.value)
        });
        values.max_by(f64::total_cmp)
    };
    let memory = largest("peak memory, ", None)
        .map(|mib| Bound::AtMost(12.0).check("peak memory, MiB".into(), "≤ 12 MiB".into(), mib));
    let plain = largest("zip of ", Some(false)).map(|bytes| {
        Bound::AtMost(2.5).check("zip without the AWS SDK, MB".into(), "≤ 2.5 MB".into(), bytes / 1e6)
    });
    let sdk = largest("zip of ", Some(true)).map(|bytes| {
        Bound::AtMost(4.0).check("zip with the AWS SDK, MB".into(), "≤ 4 MB".into(), bytes / 1e6)
    });
    memory.into_iter().chain(plain).chain(sdk).collect()
}

fn trips(results: &Results) -> Vec<Target> {
    let targets = TRIPS.into_iter().filter_map(|(name, bound)| {
        let measured = results.metric(&format!("trips waited for, {name}"), "us")?;
        Some(Bound::AtMost(bound).check(format!("round trips: {name}"), format!("≤ {bound}"), measured))
    });
    targets.collect()
}

/// The time that counting all books adds to the statement, relative to the slowest other part of a page.
fn total(results: &Results) -> Option<Target> {
    let name = "first page of 1000000";
    let median = |subject| Some(results.series("large", name, subject)?.summary()?.median);
    let (us, sql, page) = (median("us")?, median("sql")?, median("page alone")?);
    let slowest = page.max(us - sql);
    let work = "large: first page of 1000000, total".to_owned();
    Some(Bound::AtMost(1.0).check(work, "≤ the slowest other part".into(), (sql - page) / slowest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comparison::{Comparison, Series};

    fn series(subject: &'static str, wall: &[f64]) -> Series {
        Series { subject, wall: wall.to_vec(), cpu: Vec::new() }
    }

    #[test]
    fn a_ratio_is_calculated_for_each_round() {
        let mut results = Results::default();
        let series =
            vec![series("floor", &[1.0, 10.0]), series("commands", &[1.0, 10.0]), series("us", &[2.0, 40.0])];
        results.add(Comparison { group: "ping", name: "ping, admitted".into(), series });
        let targets = evaluate(&results);
        assert_eq!(targets.len(), 1);
        assert_eq!((targets[0].measured.to_bits(), targets[0].met), (1.0_f64.to_bits(), true));
    }

    #[test]
    fn one_round_trip_too_many_misses_the_target() {
        let mut results = Results::default();
        results.add_metric("trips waited for, cached list", "us", 2, "");
        results.add_metric("trips waited for, uncached list", "us", 2, "");
        let met: Vec<_> = evaluate(&results).iter().map(|target| target.met).collect();
        assert_eq!(met, [false, true]);
    }

    #[test]
    fn zips_with_the_sdk_have_a_bound_of_their_own() {
        let mut results = Results::default();
        results.add_metric("zip of books", "us", 3_900_000, "bytes");
        results.add_metric("AWS SDK in books", "us", 1, "");
        results.add_metric("zip of system", "us", 2_600_000, "bytes");
        let met: Vec<_> =
            evaluate(&results).iter().map(|target| (target.target.clone(), target.met)).collect();
        assert_eq!(met, [("≤ 2.5 MB".to_owned(), false), ("≤ 4 MB".to_owned(), true)]);
    }
}
