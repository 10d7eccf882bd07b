//! What can be handed an event: a function in this process, or one in a process of its own.

use std::pin::Pin;

use std::sync::Arc;

use lambda_http::lambda_runtime::{Context, Diagnostic, LambdaEvent};
use serde_json::Value;
use serde_json::value::RawValue;
use uuid::Uuid;

use shared::lambda::{Gateway, ReportedError, diagnose};
use stack::environment::{Emulator, ExecutionEnvironment, Failure};

/// Takes events as Lambda hands them over.
pub trait Invoke: Send + Sync {
    /// What `event`, a JSON text, is answered.
    fn invoke<'a>(&'a self, event: &'a str) -> Invocation<'a>;
}

/// An invocation that has begun.
pub type Invocation<'a> = Pin<Box<dyn Future<Output = Result<Value, Failure>> + Send + 'a>>;

/// The failure that Lambda is told of when a handler fails with `error`.
#[expect(clippy::needless_pass_by_value, reason = "callers map errors with it")]
pub fn failure<E: ReportedError>(error: E) -> Failure {
    let Diagnostic { error_type, error_message } = diagnose(&error);
    Failure { error_type, error_message }
}

/// What is wrong with the outcome of an event to a function that serves HTTP, whatever the event was: nothing if it is a
/// well-formed proxy answer of status 200 to 499, or a runtime error.
#[must_use]
pub fn flaw(outcome: &Result<Value, Failure>) -> Option<String> {
    let Ok(answer) = outcome else { return None };
    let texts =
        |headers: &Value| headers.as_object().is_some_and(|headers| headers.values().all(Value::is_string));
    let problem = if !answer["statusCode"].as_u64().is_some_and(|status| (200..500).contains(&status)) {
        "its status"
    } else if !texts(&answer["headers"]) || !answer["multiValueHeaders"].is_object() {
        "its headers"
    } else if !answer["body"].is_string() || !answer["isBase64Encoded"].is_boolean() {
        "its body"
    } else {
        return None;
    };
    Some(format!("{problem}: {answer}"))
}

/// `event` as the runtime hands it to a handler, under a request id of its own.
pub fn incoming(event: &str) -> Result<LambdaEvent<Box<RawValue>>, Failure> {
    let mut context = Context::default();
    context.request_id = Uuid::now_v7().to_string();
    Ok(LambdaEvent { payload: serde_json::from_str(event).map_err(Failure::here)?, context })
}

impl Invoke for Gateway {
    fn invoke<'a>(&'a self, event: &'a str) -> Invocation<'a> {
        Box::pin(async move {
            let answer = self.answer(incoming(event)?).await.map_err(failure)?;
            serde_json::to_value(answer).map_err(Failure::here)
        })
    }
}

impl Invoke for ExecutionEnvironment {
    fn invoke<'a>(&'a self, event: &'a str) -> Invocation<'a> {
        Box::pin(self.invoke(event))
    }
}

impl Invoke for Emulator {
    fn invoke<'a>(&'a self, event: &'a str) -> Invocation<'a> {
        Box::pin(self.invoke(event))
    }
}

impl<T: Invoke + ?Sized> Invoke for Arc<T> {
    fn invoke<'a>(&'a self, event: &'a str) -> Invocation<'a> {
        (**self).invoke(event)
    }
}
