//! The client for `CodeDeploy`, which waits for the result of a hook.

use std::time::Duration;

use aws_sdk_codedeploy::Client;
use aws_sdk_codedeploy::types::LifecycleEventStatus;
use shared::config::{self, Env};

use crate::Error;
use crate::aws::{self, Limits};
use crate::hook::Hook;
use crate::report::Status;

/// All attempts together take less than the time that is reserved for them.
const LIMITS: Limits = Limits { attempt: Duration::from_secs(4), call: Duration::from_secs(15), attempts: 5 };

#[derive(Clone)]
pub(crate) struct CodeDeployClient {
    client: Client,
}

impl CodeDeployClient {
    pub(crate) fn from_env(env: &Env) -> Result<Self, config::Error> {
        Ok(Self { client: Client::new(&aws::configure(env, "AWS_ENDPOINT_URL_CODEDEPLOY", &LIMITS)?) })
    }

    /// Tells the result of `hook`.
    pub(crate) async fn put_status(&self, hook: &Hook, status: Status) -> Result<(), Error> {
        let call = self.client.put_lifecycle_event_hook_execution_status();
        let call = call.deployment_id(&hook.deployment_id);
        let call = call.lifecycle_event_hook_execution_id(&hook.execution_id);
        let told = call.status(LifecycleEventStatus::from(status.name())).send().await;
        let reason = |error| aws::code(&error).unwrap_or("no answer").to_owned();
        told.map(drop).map_err(|error| Error::CodeDeploy(reason(error)))
    }
}
