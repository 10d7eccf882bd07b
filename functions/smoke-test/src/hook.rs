//! The event that `CodeDeploy` sends to a hook of a deployment.

use serde::Deserialize;

/// The run of a hook, which waits for a result.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Hook {
    pub(crate) deployment_id: String,
    #[serde(rename = "LifecycleEventHookExecutionId")]
    pub(crate) execution_id: String,
}
