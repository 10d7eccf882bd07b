//! The result of a smoke test.

use serde::Serialize;

/// What `CodeDeploy` was told, and why.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Whether the deployment goes on.
    pub status: Status,
    /// One sentence for each version that must get no traffic.
    pub failures: Vec<String>,
}

/// The two statuses that `CodeDeploy` accepts of a hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Status {
    /// The deployment goes on.
    Succeeded,
    /// The deployment is rolled back.
    Failed,
}

impl Report {
    pub(crate) fn of(failures: Vec<String>) -> Self {
        Self { status: if failures.is_empty() { Status::Succeeded } else { Status::Failed }, failures }
    }
}

impl Status {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
        }
    }
}
