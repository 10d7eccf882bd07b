//! The reasons for which `CodeDeploy` is not told of a result.

use shared::lambda::ReportedError;

/// Why an event had no effect.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody waits for a result.
    #[error("this is no event of a deployment's hook: {0}")]
    UnknownEvent(#[from] serde_json::Error),
    /// `CodeDeploy` refused the result, or can't be reached.
    #[error("CodeDeploy: {0}")]
    CodeDeploy(String),
}

impl ReportedError for Error {
    const TYPE: &'static str = "smoke_test::Error";
}
