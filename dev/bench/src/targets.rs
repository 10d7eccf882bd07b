//! What the project has set itself, held against one run.

use serde_json::{Value, json};

use super::results::Results;

/// One promise and what came of it.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) work: String,
    pub(super) promise: String,
    pub(super) measured: f64,
    pub(super) met: bool,
}

impl Target {
    pub(super) fn json(&self) -> Value {
        json!({"work": self.work, "target": self.promise, "measured": self.measured, "met": self.met})
    }
}

/// Which way a promise goes.
#[derive(Clone, Copy)]
enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

/// Ratios within one run: group, scenario, who, to whom together, bound.
const RATIOS: [(&str, &str, &str, &[&str], Bound); 11] = [
    ("cold", "cached list", "us", &["floor"], Bound::AtMost(2.0)),
    ("cold", "cached list", "peer", &["us"], Bound::AtLeast(100.0)),
    ("books", "cached list", "us", &["floor", "ping"], Bound::AtMost(1.5)),
    ("books", "cached list", "peer", &["us"], Bound::AtLeast(4.0)),
    ("books", "uncached list", "us", &["floor", "sql"], Bound::AtMost(1.3)),
    ("books", "item", "us", &["floor", "sql"], Bound::AtMost(1.3)),
    ("auth", "login", "us", &["bcrypt"], Bound::AtMost(1.02)),
    ("ping", "ping, admitted", "us", &["floor", "ping"], Bound::AtMost(1.3)),
    ("ping", "ping, refused", "us", &["floor"], Bound::AtMost(1.3)),
    ("large", "deep page by cursor of 1000000", "us", &["us, first page"], Bound::AtMost(1.2)),
    ("large", "title search, one match of 1000000", "us", &["index probe"], Bound::AtMost(5.0)),
];

/// Round trips: scenario, to Redis if promised, to Postgres.
const TRIPS: [(&str, Option<f64>, f64); 4] = [
    ("cached list", Some(1.0), 0.0),
    ("uncached list", None, 1.0),
    ("item", None, 1.0),
    ("create", None, 2.0),
];

/// Every target that this run can tell of.
pub(super) fn evaluate(results: &Results) -> Vec<Target> {
    let mut targets = Vec::new();
    for (group, name, who, others, bound) in RATIOS {
        let ratio = results.ratio(group, name, who, others);
        let work = format!("{group}: {name}, {who}");
        let promise = format!("{} × {}", bound.text(), others.join(" + "));
        targets.extend(ratio.map(|ratio| bound.judge(work, promise, ratio.median)));
    }
    targets.extend(tail(results));
    targets.extend(cpu(results));
    targets.extend(weights(results));
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

    fn judge(self, work: String, promise: String, measured: f64) -> Target {
        let met = match self {
            Self::AtMost(bound) => measured <= bound,
            Self::AtLeast(bound) => measured >= bound,
        };
        Target { work, promise, measured, met }
    }
}

fn tail(results: &Results) -> Option<Target> {
    let list = results.series("books", "cached list", "us")?.summary()?;
    let bound = Bound::AtMost(3.0);
    Some(bound.judge("books: cached list, p99".into(), "≤ 3 × the median".into(), list.p99 / list.median))
}

fn cpu(results: &Results) -> Vec<Target> {
    let of = |who| Some(results.series("books", "cached list", who)?.cpu_summary()?.median);
    let (Some(floor), Some(us), Some(peer)) = (of("floor"), of("us"), of("peer")) else { return Vec::new() };
    let work = |who: &str| format!("books: cached list, CPU, {who}");
    vec![
        Bound::AtMost(1.6).judge(work("us"), "≤ 1.6 × floor".into(), us / floor),
        Bound::AtLeast(6.0).judge(work("peer"), "≥ 6 × us".into(), peer / us),
    ]
}

/// The heaviest of each kind.
fn weights(results: &Results) -> Vec<Target> {
    let greatest = |prefix: &str, with: Option<bool>| {
        let facts = results.facts.iter().filter(|fact| fact.who == "us" && fact.name.starts_with(prefix));
        let facts = facts.filter(|fact| {
            let function = fact.name.trim_start_matches(prefix);
            with.is_none_or(|with| with == results.fact(&format!("AWS SDK in {function}"), "us").is_some())
        });
        facts.map(|fact| fact.value).max_by(f64::total_cmp)
    };
    let memory = greatest("peak memory, ", None)
        .map(|mib| Bound::AtMost(12.0).judge("peak memory, MiB".into(), "≤ 12 MiB".into(), mib));
    let plain = greatest("zip of ", Some(false)).map(|bytes| {
        Bound::AtMost(2.5).judge("zip without the AWS SDK, MB".into(), "≤ 2.5 MB".into(), bytes / 1e6)
    });
    let sdk = greatest("zip of ", Some(true)).map(|bytes| {
        Bound::AtMost(4.0).judge("zip with the AWS SDK, MB".into(), "≤ 4 MB".into(), bytes / 1e6)
    });
    memory.into_iter().chain(plain).chain(sdk).collect()
}

fn trips(results: &Results) -> Vec<Target> {
    let promised = TRIPS.into_iter().flat_map(|(name, redis, postgres)| {
        [("Redis", redis), ("Postgres", Some(postgres))].map(|(store, bound)| (name, store, bound))
    });
    let judged = promised.filter_map(|(name, store, bound)| {
        let measured = results.fact(&format!("{store} trips, {name}"), "us")?;
        Some(Bound::AtMost(bound?).judge(
            format!("round trips to {store}: {name}"),
            format!("{}", bound?),
            measured,
        ))
    });
    judged.collect()
}

/// What the number of all books adds to the statement, against the slowest of the other parts of a page.
fn total(results: &Results) -> Option<Target> {
    let name = "first page of 1000000";
    let median = |who| Some(results.series("large", name, who)?.summary()?.median);
    let (us, sql, page) = (median("us")?, median("sql")?, median("page alone")?);
    let slowest = page.max(us - sql);
    let work = "large: first page of 1000000, total".to_owned();
    Some(Bound::AtMost(1.0).judge(work, "≤ the slowest other part".into(), (sql - page) / slowest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contest::{Figure, Series};

    fn series(who: &'static str, wall: &[f64]) -> Series {
        Series { who, wall: wall.to_vec(), cpu: Vec::new() }
    }

    #[test]
    fn a_target_is_judged_by_the_pairs_of_one_run() {
        let mut results = Results::default();
        let series =
            vec![series("floor", &[1.0, 10.0]), series("ping", &[1.0, 10.0]), series("us", &[2.0, 40.0])];
        results.add(Figure { group: "ping", name: "ping, admitted".into(), series });
        let targets = evaluate(&results);
        assert_eq!(targets.len(), 1);
        assert_eq!((targets[0].measured.to_bits(), targets[0].met), (1.0_f64.to_bits(), true));
    }

    #[test]
    fn a_trip_too_many_is_a_target_missed() {
        let mut results = Results::default();
        results.note("Redis trips, cached list", "us", 2, "");
        results.note("Postgres trips, cached list", "us", 0, "");
        let met: Vec<_> = evaluate(&results).iter().map(|target| target.met).collect();
        assert_eq!(met, [false, true]);
    }

    #[test]
    fn the_sdk_has_a_limit_of_its_own() {
        let mut results = Results::default();
        results.note("zip of books", "us", 3_900_000, "bytes");
        results.note("AWS SDK in books", "us", 1, "");
        results.note("zip of system", "us", 2_600_000, "bytes");
        let met: Vec<_> =
            evaluate(&results).iter().map(|target| (target.promise.clone(), target.met)).collect();
        assert_eq!(met, [("≤ 2.5 MB".to_owned(), false), ("≤ 4 MB".to_owned(), true)]);
    }
}
