//! What can be handed an event: a function in this process, or one in a process of its own.

use std::pin::Pin;

use std::sync::Arc;

use lambda_http::lambda_runtime::{Context, Diagnostic, LambdaEvent};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::lambda::{Gateway, diagnose};

/// Takes events as Lambda hands them over.
pub trait Invoke: Send + Sync {
    /// What `event`, a JSON text, is answered.
    fn invoke<'a>(&'a self, event: &'a str) -> Invocation<'a>;
}

/// An invocation that has begun.
pub type Invocation<'a> = Pin<Box<dyn Future<Output = Result<Value, Failure>> + Send + 'a>>;

/// No answer, but the runtime error that Lambda tells the caller of.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, thiserror::Error)]
#[error("{error_type}: {error_message}")]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// What kind of error, in the words of the function's runtime library.
    pub error_type: String,
    /// What went wrong.
    pub error_message: String,
}

impl Failure {
    /// What Lambda is told when a handler fails with `error`.
    pub fn of<E: std::error::Error>(error: E) -> Self {
        let Diagnostic { error_type, error_message } = diagnose(&error);
        Self { error_type, error_message }
    }
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
    Ok(LambdaEvent { payload: serde_json::from_str(event).map_err(Failure::of)?, context })
}

impl Invoke for Gateway {
    fn invoke<'a>(&'a self, event: &'a str) -> Invocation<'a> {
        Box::pin(async move {
            let answer = self.answer(incoming(event)?).await.map_err(Failure::of)?;
            serde_json::to_value(answer).map_err(Failure::of)
        })
    }
}

impl<T: Invoke + ?Sized> Invoke for Arc<T> {
    fn invoke<'a>(&'a self, event: &'a str) -> Invocation<'a> {
        (**self).invoke(event)
    }
}
