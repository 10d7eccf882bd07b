//! Metrics: at most one line a request in the embedded metric format of `CloudWatch`, which makes metrics out of it.
//!
//! Code within a request [counts](count) into a task-local array; after the request the counts are written to standard
//! output. This calls nobody, and writes no line where nothing was counted.

use std::cell::Cell;
use std::future::Future;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;

/// The namespace of the metrics.
const NAMESPACE: &str = "Bookshelf";

/// The dimensions, in one set: the name of the stack, since all stacks of an account share the namespace, and the
/// function's.
const DIMENSIONS: [&str; 2] = ["stack", "function"];

/// The source of metrics, by which alarms choose theirs.
#[derive(Debug, Clone)]
pub struct Source {
    /// The name of the stack.
    pub stack: String,
    /// The function's name.
    pub function: &'static str,
}

/// A metric. Alarms know it by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// A response with a status of 500 or more.
    ServerErrors,
    /// A guess at a password that was refused because of a lock.
    Lockouts,
    /// A refresh token that was used again after its grace period.
    TokenReuse,
    /// A request that passed its quota uncounted, because Redis gave no answer.
    UncountedRequests,
    /// A guess at a password that was counted in Postgres, because Redis gave no answer.
    FallbackGuesses,
    /// A list that was read past the cache, because Redis gave no answer.
    UncachedLists,
    /// A write after which the cached pages were not invalidated, because Redis gave no answer.
    FailedInvalidations,
    /// A request with an idempotency key that went on without a record, because `DynamoDB` gave no answer.
    UnrecordedWrites,
}

impl Metric {
    /// All metrics, in the order of their counts.
    pub const ALL: [Self; 8] = [
        Self::ServerErrors,
        Self::Lockouts,
        Self::TokenReuse,
        Self::UncountedRequests,
        Self::FallbackGuesses,
        Self::UncachedLists,
        Self::FailedInvalidations,
        Self::UnrecordedWrites,
    ];

    /// The name in `CloudWatch`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ServerErrors => "ServerErrors",
            Self::Lockouts => "Lockouts",
            Self::TokenReuse => "TokenReuse",
            Self::UncountedRequests => "UncountedRequests",
            Self::FallbackGuesses => "FallbackGuesses",
            Self::UncachedLists => "UncachedLists",
            Self::FailedInvalidations => "FailedInvalidations",
            Self::UnrecordedWrites => "UnrecordedWrites",
        }
    }
}

type Counts = [u32; Metric::ALL.len()];

tokio::task_local! {
    /// The counts of this request so far.
    static COUNTS: Cell<Counts>;
}

/// Counts one, if this is within a request.
pub fn count(metric: Metric) {
    let _ = COUNTS.try_with(|counts| {
        let mut now = counts.get();
        now[metric as usize] += 1;
        counts.set(now);
    });
}

/// Runs one request of `source`, and writes its counts.
///
/// The middleware enters the task-local here, and [`count`] finds it from any depth of the call. It holds across
/// awaits, but not in a task that the request spawns.
pub async fn within_request<T>(source: &Source, request_id: &str, request: impl Future<Output = T>) -> T {
    let with_counts = async { (request.await, COUNTS.with(Cell::get)) };
    let (response, counts) = COUNTS.scope(Cell::default(), with_counts).await;
    if let Some(line) = line(counts, source, request_id, SystemTime::now()) {
        write(&line);
    }
    response
}

#[expect(
    clippy::print_stdout,
    reason = "the log, but not an event of the log: CloudWatch reads this line itself"
)]
fn write(line: &str) {
    println!("{line}");
}

/// The line for the counts, if there are any: see "Specification: Embedded metric format" in the user guide of
/// `CloudWatch`. The request's id is a property, which `CloudWatch` keeps in the log and makes no dimension of.
fn line(counts: Counts, source: &Source, request_id: &str, at: SystemTime) -> Option<String> {
    let counted: Vec<_> = Metric::ALL.into_iter().zip(counts).filter(|(_, count)| *count > 0).collect();
    if counted.is_empty() {
        return None;
    }
    let millis = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let definitions: Vec<_> =
        counted.iter().map(|(metric, _)| json!({"Name": metric.name(), "Unit": "Count"})).collect();
    let directive = json!({"Namespace": NAMESPACE, "Dimensions": [DIMENSIONS], "Metrics": definitions});
    let mut line = json!({
        "_aws": {"Timestamp": u64::try_from(millis).unwrap_or(u64::MAX), "CloudWatchMetrics": [directive]},
        DIMENSIONS[0]: source.stack,
        DIMENSIONS[1]: source.function,
        "request_id": request_id,
    });
    for (metric, count) in counted {
        line[metric.name()] = count.into();
    }
    Some(line.to_string())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::Value;

    use super::*;

    fn auth() -> Source {
        Source { stack: "books".into(), function: "auth" }
    }

    #[test]
    fn a_line_is_what_the_specification_of_the_format_shows() {
        let at = UNIX_EPOCH + Duration::from_millis(1_574_109_732_004);
        let line = line([0, 2, 1, 0, 0, 0, 0, 0], &auth(), "4711", at).unwrap();
        assert!(!line.contains('\n'), "{line}");
        let expected = json!({
            "_aws": {
                "Timestamp": 1_574_109_732_004_u64,
                "CloudWatchMetrics": [{
                    "Namespace": "Bookshelf",
                    "Dimensions": [["stack", "function"]],
                    "Metrics": [{"Name": "Lockouts", "Unit": "Count"}, {"Name": "TokenReuse", "Unit": "Count"}],
                }],
            },
            "stack": "books",
            "function": "auth",
            "request_id": "4711",
            "Lockouts": 2,
            "TokenReuse": 1,
        });
        assert_eq!(serde_json::from_str::<Value>(&line).unwrap(), expected);
    }

    #[test]
    fn nothing_counted_is_no_line() {
        assert_eq!(line([0; 8], &auth(), "4711", UNIX_EPOCH), None);
    }

    #[test]
    fn each_metric_has_a_count_of_its_own() {
        for (n, metric) in Metric::ALL.into_iter().enumerate() {
            assert_eq!(metric as usize, n);
        }
    }

    #[tokio::test]
    async fn counting_outside_of_a_request_is_no_mistake() {
        count(Metric::Lockouts);
    }
}
