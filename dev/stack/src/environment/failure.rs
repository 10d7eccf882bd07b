//! What Lambda reports of an event that has no answer.

use serde::Deserialize;

/// No answer, but the runtime error that Lambda reports to the caller.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, thiserror::Error)]
#[error("{error_type}: {error_message}")]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// The kind of error, as the function's runtime library names it.
    pub error_type: String,
    /// The error in words.
    pub error_message: String,
}

impl Failure {
    /// A failure of the program that stands in for Lambda.
    pub fn here(error: impl std::fmt::Display) -> Self {
        Self { error_type: "Runtime.LocalError".to_owned(), error_message: error.to_string() }
    }
}
