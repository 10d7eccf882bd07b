//! Runs the checks of all versions at the same time, those of one version one after the other.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use shared::config::{self, Env};
use tokio::time::{Instant, sleep, timeout_at};
use tracing::Instrument as _;

use crate::check::Check;
use crate::fault::Fault;
use crate::lambda::LambdaClient;
use crate::origin_secret::OriginSecret;
use crate::version::{self, Version};

/// How long checks with a temporary fault are repeated unless `RETRY_SECONDS` says less, in seconds: a paused database
/// takes 15 to 30 to wake.
const RETRY_SECONDS: u64 = 120;

/// The pause before a check is repeated.
const PAUSE: Duration = Duration::from_secs(2);

pub(crate) struct Runner {
    lambda: LambdaClient,
    versions: Vec<Arc<Version>>,
    origin_secret: Option<OriginSecret>,
    retry_for: Duration,
}

impl Runner {
    pub(crate) fn from_env(env: &Env) -> Result<Self, config::Error> {
        let retry_seconds = env.parsed("RETRY_SECONDS", RETRY_SECONDS)?;
        if retry_seconds > RETRY_SECONDS {
            return Err(config::Error::invalid("RETRY_SECONDS", "is more than 120"));
        }
        Ok(Self {
            lambda: LambdaClient::from_env(env)?,
            versions: version::from_env(env)?.into_iter().map(Arc::new).collect(),
            origin_secret: OriginSecret::from_env(env)?,
            retry_for: Duration::from_secs(retry_seconds),
        })
    }

    /// Checks all versions for the run `execution_id` of a hook and returns, at `deadline` at the latest, what is wrong
    /// with them.
    pub(crate) async fn run(self: &Arc<Self>, execution_id: &str, deadline: Instant) -> Vec<String> {
        if self.versions.is_empty() {
            tracing::error!("no variable names a version");
            return vec!["no variable names a version".to_owned()];
        }
        let origin_secret = match self.read_origin_secret(deadline).await {
            Ok(secret) => secret,
            Err(reason) => return vec![reason],
        };
        let start = |version: &Arc<Version>| {
            let (runner, version, execution_id) = (self.clone(), version.clone(), execution_id.to_owned());
            let secret = origin_secret.clone();
            isolate(async move { runner.check(&version, &execution_id, secret.as_deref()).await }, deadline)
        };
        // All are started before the first is awaited.
        let checks: Vec<_> = self.versions.iter().map(|version| (version.function, start(version))).collect();
        let mut failures = Vec::new();
        for (function, outcome) in checks {
            if let Err(reason) = outcome.await {
                tracing::error!(function, reason, "a version must get no traffic");
                failures.push(format!("{function}: {reason}"));
            }
        }
        failures
    }

    async fn read_origin_secret(&self, deadline: Instant) -> Result<Option<Arc<str>>, String> {
        let Some(secret) = &self.origin_secret else { return Ok(None) };
        let read =
            timeout_at(deadline, secret.read()).await.unwrap_or_else(|_| Err("no answer in time".into()));
        read.map(|value| Some(value.into())).map_err(|error| {
            tracing::error!(error, "the secret of the CDN can not be read");
            format!("the secret of the CDN can not be read: {error}")
        })
    }

    async fn check(
        &self,
        version: &Version,
        execution_id: &str,
        origin_secret: Option<&str>,
    ) -> Result<(), String> {
        let retry_until = Instant::now() + self.retry_for;
        for check in version.checks {
            let mut attempt = 0;
            let event =
                |attempt: u32| check.event(((execution_id, attempt), version.function), origin_secret);
            while let Err(fault) = self.attempt(version, check, &event(attempt)).await {
                let is_final = matches!(fault, Fault::Lasting(_)) || Instant::now() + PAUSE > retry_until;
                if is_final {
                    return Err(format!("{} {}: {}", check.method, check.path, fault.reason()));
                }
                sleep(PAUSE).await;
                attempt += 1;
            }
        }
        Ok(())
    }

    /// Makes the request once and logs the result.
    async fn attempt(&self, version: &Version, check: &Check, event: &Value) -> Result<(), Fault> {
        let started = Instant::now();
        let response = self.lambda.request(&version.arn, event).await;
        let status = response.as_ref().ok().map(|response| response.status);
        let verdict = response.and_then(|response| check.judge(&response));
        tracing::info!(
            function = version.function,
            version = version.arn,
            method = check.method,
            path = check.path,
            status,
            duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            fault = verdict.as_ref().err().map(Fault::reason),
            "asked a version"
        );
        verdict
    }
}

/// Starts `check` in a task of its own. It fails if it panics, or is not done at `deadline`.
fn isolate(
    check: impl Future<Output = Result<(), String>> + Send + 'static,
    deadline: Instant,
) -> impl Future<Output = Result<(), String>> {
    let task = tokio::spawn(timeout_at(deadline, check).in_current_span());
    async move {
        match task.await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err("it did not answer in time".to_owned()),
            Err(_) => Err("the check itself failed".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    #[tokio::test]
    async fn a_check_that_panics_or_never_ends_fails_and_others_go_on() {
        let later = Instant::now() + Duration::from_mins(1);
        let good = isolate(async { Ok(()) }, later);
        let panicking = isolate(async { panic!("a mistake in a check") }, later);
        let endless = isolate(pending(), Instant::now());
        assert_eq!(panicking.await, Err("the check itself failed".to_owned()));
        assert_eq!(endless.await, Err("it did not answer in time".to_owned()));
        assert_eq!(good.await, Ok(()));
    }
}
