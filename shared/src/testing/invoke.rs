//! What can be handed an event: a function in this process, or one in a process of its own.

use std::pin::Pin;

use lambda_http::lambda_runtime::{self, Context, Diagnostic, LambdaEvent};
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use crate::lambda::Gateway;

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
    /// The same as in production: whatever a handler fails with goes through the runtime's [`Diagnostic`].
    pub fn of(error: impl Into<lambda_runtime::Error>) -> Self {
        let Diagnostic { error_type, error_message } = error.into().into();
        Self { error_type, error_message }
    }
}

impl Invoke for Gateway {
    fn invoke<'a>(&'a self, event: &'a str) -> Invocation<'a> {
        Box::pin(async move {
            let payload = serde_json::from_str(event).map_err(Failure::of)?;
            let mut context = Context::default();
            context.request_id = Uuid::now_v7().to_string();
            let answer = self.answer(LambdaEvent { payload, context }).await.map_err(Failure::of)?;
            serde_json::to_value(answer).map_err(Failure::of)
        })
    }
}
