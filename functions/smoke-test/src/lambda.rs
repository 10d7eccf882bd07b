//! The client for Lambda, which invokes one version of a function.

use std::time::Duration;

use aws_sdk_lambda::Client;
use aws_sdk_lambda::primitives::Blob;
use serde::Deserialize;
use serde_json::Value;
use shared::config::{self, Env};

use crate::aws::{self, Limits};
use crate::fault::Fault;
use crate::response::Response;

/// Longer than any function of HTTP requests may take, with a cold start before.
const LIMITS: Limits =
    Limits { attempt: Duration::from_secs(20), call: Duration::from_secs(30), attempts: 3 };

/// Codes of Lambda for what passes: the concurrency is used up, or the version gets its network first.
const TEMPORARY: [&str; 4] = [
    "EC2ThrottledException",
    "ResourceConflictException",
    "ResourceNotReadyException",
    "TooManyRequestsException",
];

/// The most characters of a function's error that are repeated.
const LONGEST_ERROR: usize = 300;

pub(crate) struct LambdaClient {
    client: Client,
}

/// The payload of a function error.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct FunctionError {
    error_type: String,
    error_message: String,
}

impl LambdaClient {
    pub(crate) fn from_env(env: &Env) -> Result<Self, config::Error> {
        Ok(Self { client: Client::new(&aws::configure(env, "AWS_ENDPOINT_URL_LAMBDA", &LIMITS)?) })
    }

    /// Invokes `version`, a qualified ARN, with the event of an HTTP request, and returns the HTTP response.
    pub(crate) async fn request(&self, version: &str, event: &Value) -> Result<Response, Fault> {
        let call = self.client.invoke().function_name(version).payload(Blob::new(event.to_string()));
        let output = call.send().await.map_err(|error| match aws::code(&error) {
            Some(code) if TEMPORARY.contains(&code) => Fault::temporary(format!("Lambda answered {code}")),
            Some(code) => Fault::lasting(format!("Lambda answered {code}")),
            None => Fault::lasting("Lambda gave no answer"),
        })?;
        let payload = output.payload.map(Blob::into_inner).unwrap_or_default();
        match output.function_error {
            None => Response::read(&payload).map_err(Fault::lasting),
            Some(_) => Err(Fault::Lasting(function_error(&payload))),
        }
    }
}

fn function_error(payload: &[u8]) -> String {
    let FunctionError { error_type, error_message } = serde_json::from_slice(payload).unwrap_or_default();
    let text: String = error_message.chars().take(LONGEST_ERROR).collect();
    format!("the function failed: {error_type}: {text}")
}
