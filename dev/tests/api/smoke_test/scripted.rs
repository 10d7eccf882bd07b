//! Versions that answer as a test says.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use testkit::{Failure, Invocation, Invoke};

/// Gives the same answer to every event.
pub(super) struct Always(pub(super) Result<Value, Failure>);

impl Invoke for Always {
    fn invoke<'a>(&'a self, _: &'a str) -> Invocation<'a> {
        Box::pin(async { self.0.clone() })
    }
}

/// Answers the first event with a 503, and hands the others to a function.
pub(super) struct Waking {
    function: Arc<dyn Invoke>,
    is_awake: AtomicBool,
}

impl Waking {
    pub(super) fn new(function: Arc<dyn Invoke>) -> Self {
        Self { function, is_awake: AtomicBool::new(false) }
    }
}

impl Invoke for Waking {
    fn invoke<'a>(&'a self, event: &'a str) -> Invocation<'a> {
        if self.is_awake.swap(true, Ordering::Relaxed) {
            self.function.invoke(event)
        } else {
            Box::pin(async { Ok(problem(503)) })
        }
    }
}

/// Never answers.
pub(super) struct Never;

impl Invoke for Never {
    fn invoke<'a>(&'a self, _: &'a str) -> Invocation<'a> {
        Box::pin(pending())
    }
}

/// A problem of this status, as all functions render it.
pub(super) fn problem(status: u16) -> Value {
    response(status, "application/problem+json", &json!({"status": status}))
}

/// A response that was counted.
pub(super) fn response(status: u16, media_type: &str, body: &Value) -> Value {
    let headers = json!({"content-type": media_type, "ratelimit": "\"default\";r=99;t=60"});
    json!({"statusCode": status, "headers": headers, "body": body.to_string(), "isBase64Encoded": false})
}
