//! Invocation of functions, whichever process they run in.
//!
//! [`Invoke`] is implemented by functions in this process, which get the event through the adapter of production, and
//! by the stack's execution environments, which run the built binary behind a runtime API.

use std::pin::Pin;
use std::sync::Arc;

use lambda_http::lambda_runtime::{Context, Diagnostic, LambdaEvent};
use serde_json::Value;
use serde_json::value::RawValue;
use uuid::Uuid;

use shared::lambda::{EventHandler, ReportedError, diagnose};
use stack::environment::{ExecutionEnvironment, Failure, RuntimeInterfaceEmulator};

/// A function that can be invoked with an event.
pub trait Invoke: Send + Sync {
    /// Invokes the function with `event`, a JSON text, and returns its response.
    fn invoke<'a>(&'a self, event: &'a str) -> Invocation<'a>;
}

/// An invocation in progress.
pub type Invocation<'a> = Pin<Box<dyn Future<Output = Result<Value, Failure>> + Send + 'a>>;

/// The failure that the runtime reports to Lambda when a handler returns `error`.
#[expect(clippy::needless_pass_by_value, reason = "callers map errors with it")]
pub fn reported_failure<E: ReportedError>(error: E) -> Failure {
    let Diagnostic { error_type, error_message } = diagnose(&error);
    Failure { error_type, error_message }
}

/// Checks the outcome of `event` to a function that serves HTTP. Returns what is wrong with it; `None` if it is a
/// well-formed response with a status from 200 to 499, or a runtime error where the event is no HTTP request.
#[must_use]
pub fn response_flaw(event: &str, outcome: &Result<Value, Failure>) -> Option<String> {
    let answer = match outcome {
        Ok(answer) => answer,
        Err(failure) => return is_http_request(event).then(|| failure.to_string()),
    };
    let texts =
        |headers: &Value| headers.as_object().is_some_and(|headers| headers.values().all(Value::is_string));
    let problem = if !answer["statusCode"].as_u64().is_some_and(|status| (200..500).contains(&status)) {
        "its status"
    } else if !texts(&answer["headers"]) || !answer["multiValueHeaders"].is_object() {
        "its headers"
    } else if header_bytes(answer) > MOST_HEADER_BYTES {
        "the size of its headers"
    } else if !answer["body"].is_string() || !answer["isBase64Encoded"].is_boolean() {
        "its body"
    } else {
        return None;
    };
    Some(format!("{problem}: {answer}"))
}

/// Whether `event` is an HTTP request, which must get an HTTP response whatever else it holds.
fn is_http_request(event: &str) -> bool {
    let event: Value = serde_json::from_str(event).unwrap_or_default();
    let (has, context) = (|name| !event[name].is_null(), &event["requestContext"]);
    has("rawPath") || !context["http"].is_null() || (has("httpMethod") && context["elb"].is_null())
}

/// The most that the headers of a response may take together: 8 KiB. API Gateway carries 10,240 bytes.
pub const MOST_HEADER_BYTES: usize = 8 * 1024;

/// What the headers of `answer` take on the wire: names, values, and four bytes a line.
#[must_use]
pub fn header_bytes(answer: &Value) -> usize {
    // `multiValueHeaders` has those that `headers` has, as an HTTP API takes one and a REST API the other.
    let bytes_of = |headers: &Value| -> usize {
        let lines = headers.as_object().into_iter().flatten().flat_map(|(name, values)| {
            let values = values.as_array().map_or(std::slice::from_ref(values), Vec::as_slice);
            values.iter().map(|value| name.len() + value.as_str().unwrap_or_default().len() + 4)
        });
        lines.sum()
    };
    bytes_of(&answer["headers"]).max(bytes_of(&answer["multiValueHeaders"]))
}

/// `event` as the runtime passes it to a handler, with a new request id.
pub fn invocation_event(event: &str) -> Result<LambdaEvent<Box<RawValue>>, Failure> {
    let mut context = Context::default();
    context.request_id = Uuid::now_v7().to_string();
    Ok(LambdaEvent { payload: serde_json::from_str(event).map_err(Failure::here)?, context })
}

impl Invoke for EventHandler {
    fn invoke<'a>(&'a self, event: &'a str) -> Invocation<'a> {
        Box::pin(async move {
            let answer = self.handle(invocation_event(event)?).await.map_err(reported_failure)?;
            serde_json::to_value(answer).map_err(Failure::here)
        })
    }
}

impl Invoke for ExecutionEnvironment {
    fn invoke<'a>(&'a self, event: &'a str) -> Invocation<'a> {
        Box::pin(self.invoke(event))
    }
}

impl Invoke for RuntimeInterfaceEmulator {
    fn invoke<'a>(&'a self, event: &'a str) -> Invocation<'a> {
        Box::pin(self.invoke(event))
    }
}

impl<T: Invoke + ?Sized> Invoke for Arc<T> {
    fn invoke<'a>(&'a self, event: &'a str) -> Invocation<'a> {
        (**self).invoke(event)
    }
}
