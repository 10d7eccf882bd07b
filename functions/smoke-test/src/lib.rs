//! The `smoke-test` function: asks new versions of other functions before a deployment shifts traffic to them.
//!
//! `CodeDeploy` invokes it as the hook `BeforeAllowTraffic` of a deployment. It invokes each version that its variables
//! name, through Lambda and not through the gateway, with the events of a few HTTP requests, and judges the responses.
//! Then it tells `CodeDeploy` whether the deployment may go on. Without that call a deployment waits for an hour, so it
//! is made whatever happens: each version is checked in a task of its own, which may panic, and all of them end early
//! enough before Lambda ends this function.

mod aws;
mod check;
mod checks;
mod codedeploy;
mod error;
mod fault;
mod hook;
mod lambda;
mod origin_secret;
mod report;
mod response;
mod runner;
mod version;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use lambda_runtime::LambdaEvent;
use serde_json::value::RawValue;
use shared::config::{self, Env};
use tokio::time::Instant;

use codedeploy::CodeDeployClient;
use hook::Hook;
use runner::Runner;

pub use error::Error;
pub use report::{Report, Status};

/// The binary's name.
pub const NAME: &str = "smoke-test";

/// The part of the time that Lambda gives which is reserved for the call to `CodeDeploy`.
const TIME_TO_REPORT: Duration = Duration::from_secs(20);

/// The function's state.
#[derive(Clone)]
pub struct App {
    runner: Arc<Runner>,
    codedeploy: CodeDeployClient,
}

impl App {
    /// Reads which versions to check (`BOOKS_VERSION`, `AUTH_VERSION`, `SYSTEM_VERSION`), `ORIGIN_SECRET_ARN`,
    /// `RETRY_SECONDS`, the credentials of the process and, for local servers, `AWS_ENDPOINT_URL_LAMBDA` and
    /// `AWS_ENDPOINT_URL_CODEDEPLOY`. Opens no connection.
    ///
    /// That no version is named is no error here but fails each deployment: of a start that fails `CodeDeploy` would
    /// not be told.
    pub fn from_env(env: &Env) -> Result<Self, config::Error> {
        Ok(Self { runner: Arc::new(Runner::from_env(env)?), codedeploy: CodeDeployClient::from_env(env)? })
    }

    /// Checks the versions for one deployment and tells `CodeDeploy` the result. A version that fails is no error:
    /// `CodeDeploy` is told.
    pub async fn handle(&self, event: LambdaEvent<Box<RawValue>>) -> Result<Report, Error> {
        let LambdaEvent { payload, context } = event;
        let remaining = context.deadline().duration_since(SystemTime::now()).unwrap_or_default();
        let deadline = Instant::now() + remaining.saturating_sub(TIME_TO_REPORT);
        let reported = self.check(payload.get(), deadline).await;
        reported.inspect_err(|error| tracing::error!(%error, "CodeDeploy was not told of a result"))
    }

    async fn check(&self, event: &str, deadline: Instant) -> Result<Report, Error> {
        let hook: Hook = serde_json::from_str(event)?;
        let report = Report::of(self.runner.run(&hook.execution_id, deadline).await);
        self.codedeploy.put_status(&hook, report.status).await?;
        tracing::info!(
            deployment = hook.deployment_id,
            status = report.status.name(),
            "CodeDeploy was told of the result"
        );
        Ok(report)
    }
}
