//! What a process printed: the lines of its log, metrics among them.

use serde_json::{Value, json};
use stack::environment::ExecutionEnvironment;

/// The embedded metric format of `CloudWatch`: dimensions and metrics named in `_aws` are members of the line.
fn assert_well_formed(line: &Value) {
    assert!(line["_aws"]["Timestamp"].as_u64().is_some_and(|millis| millis > 1_700_000_000_000), "{line}");
    let directives = line["_aws"]["CloudWatchMetrics"].as_array().unwrap();
    assert!(!directives.is_empty());
    for directive in directives {
        assert_eq!(directive["Namespace"], "Bookshelf");
        assert_eq!(directive["Dimensions"], json!([["stack", "function"]]));
        for dimension in ["stack", "function"] {
            assert!(line[dimension].as_str().is_some_and(|name| !name.is_empty()), "{line}");
        }
        let metrics = directive["Metrics"].as_array().unwrap();
        assert!((1..=100).contains(&metrics.len()));
        for metric in metrics {
            assert_eq!(metric["Unit"], "Count");
            assert!(line[metric["Name"].as_str().unwrap()].is_u64(), "{line}");
        }
    }
}

/// The metric lines in a log, each well-formed.
pub(crate) fn metrics(environment: &ExecutionEnvironment) -> Vec<Value> {
    let log = environment.log();
    let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).expect("a line is a JSON object"));
    let lines: Vec<_> = lines.filter(|line| line.get("_aws").is_some()).collect();
    lines.iter().for_each(assert_well_formed);
    lines
}

/// A line without `_aws`, the stack and the request id.
pub(crate) fn counts(line: &Value) -> Value {
    const OTHERS: [&str; 3] = ["_aws", "stack", "request_id"];
    let mut counts = line.clone();
    counts.as_object_mut().unwrap().retain(|member, _| !OTHERS.contains(&member.as_str()));
    counts
}

/// Asserts that every line has the id of its request, and that of two requests, which left a line of `target` each, the
/// first says that it was a cold start.
pub(crate) fn assert_two_requests_are_told_apart(environment: &ExecutionEnvironment, target: &str) {
    let log = environment.log();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for line in &lines {
        assert!(line["span"]["request_id"].as_str().is_some_and(|id| id.len() == 36), "{line}");
    }
    let starts = lines.iter().filter(|line| line["target"] == target);
    let starts = starts.map(|line| line["span"].get("cold_start").cloned());
    assert_eq!(starts.collect::<Vec<_>>(), [Some(json!(true)), None], "{log}");
}
