//! Assertions on responses: every problem has the same form, whatever the route.

use serde_json::Value;
use testkit::Response;

/// A string member of a JSON response, empty if there is none.
pub(crate) fn text(response: &Response, member: &str) -> String {
    response.json()[member].as_str().unwrap_or_default().to_owned()
}

/// Asserts that `response` is a problem of this status, in the one form that all problems have.
pub(crate) fn assert_problem(response: &Response, status: u16) -> Value {
    let problem = response.json();
    let context = format!("{} {}", response.status, response.text());
    assert_eq!(response.status, status, "{context}");
    assert_eq!(response.header("content-type"), Some("application/problem+json"), "{context}");
    assert_eq!(problem["status"], status, "{context}");
    for member in ["type", "title", "detail", "request_id"] {
        assert!(problem[member].as_str().is_some_and(|text| !text.is_empty()), "{member}: {context}");
    }
    assert_eq!(response.header("www-authenticate").is_some(), matches!(status, 401 | 403), "{context}");
    let passes = matches!(status, 429 | 503) || text(response, "type").ends_with(":idempotency-in-progress");
    assert_eq!(response.retry_after().is_some(), passes, "{context}");
    assert_eq!(response.header("allow").is_some(), status == 405, "{context}");
    problem
}

/// Asserts that `response` is a 422 and names just these fields.
pub(crate) fn assert_invalid(response: &Response, fields: &[&str]) {
    let problem = assert_problem(response, 422);
    let errors = problem["errors"].as_array().unwrap();
    let named: Vec<_> = errors.iter().map(|error| error["field"].as_str().unwrap()).collect();
    assert_eq!(named, fields, "{}", response.text());
}

/// Status and body of a problem without its request id, to compare two of them.
pub(crate) fn without_request_id(response: &Response) -> (u16, Value) {
    let mut body = response.json();
    body["request_id"] = "".into();
    (response.status, body)
}
