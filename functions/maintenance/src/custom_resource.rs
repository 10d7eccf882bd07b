//! A step of a deployment: `CloudFormation` asks for a task, and waits for the answer at a URL of its own.
//!
//! The answer is handed in whatever becomes of the task: without one a deployment stands still for an hour.

mod response;

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::timeout;

use self::response::{Response, Status};
use crate::{App, Error, Report, Task, migrate};

/// What is kept of the time that Lambda gives, to hand the answer in.
const TIME_TO_ANSWER: Duration = Duration::from_secs(10);

/// A request of `CloudFormation`: see "Custom resource request objects" in its user guide. Not `Debug`: whoever has
/// the URL can answer.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct CustomResource {
    request_type: RequestType,
    #[serde(rename = "ResponseURL")]
    response_url: String,
    stack_id: String,
    request_id: String,
    logical_resource_id: String,
    physical_resource_id: Option<String>,
    #[serde(default)]
    resource_properties: Value,
}

/// What is to become of the resource.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
enum RequestType {
    Create,
    Update,
    Delete,
}

/// What a deployment may ask for. Other properties are ignored: one that differs at each deployment makes
/// `CloudFormation` ask again.
#[derive(Deserialize)]
#[serde(tag = "Task", rename_all = "snake_case")]
enum Properties {
    Migrate {},
    Keys {
        #[serde(rename = "SecretArn")]
        secret_arn: String,
    },
}

/// What `CloudFormation` was told.
#[derive(Debug, Serialize)]
pub struct Answered {
    status: Status,
    reason: Option<String>,
}

impl CustomResource {
    /// Does the task, and hands the answer in before `deadline`.
    pub(crate) async fn answer(self, app: &App, deadline: SystemTime) -> Result<Answered, Error> {
        let left = || deadline.duration_since(SystemTime::now()).unwrap_or_default();
        let task = timeout(left().saturating_sub(TIME_TO_ANSWER), self.run(app)).await;
        let outcome = task.unwrap_or(Err(Error::TooSlow));
        if let Err(error) = &outcome {
            tracing::error!(%error, resource = self.logical_resource_id, "a step of a deployment failed");
        }
        let answer = self.response(outcome);
        answer.hand_in(&self.response_url, left()).await?;
        Ok(Answered { status: answer.status, reason: answer.reason })
    }

    /// What the resource then knows. Nothing is undone on deletion, whatever the properties: what was migrated and
    /// made stays.
    async fn run(&self, app: &App) -> Result<Value, Error> {
        if self.request_type == RequestType::Delete {
            return Ok(json!({}));
        }
        let properties = Properties::deserialize(&self.resource_properties).map_err(|_| Error::NoSuchTask)?;
        let task = match properties {
            Properties::Migrate {} => Task::Migrate { dry_run: false },
            Properties::Keys { secret_arn } => Task::Keys { secret_arn },
        };
        migrate::wake(&app.database).await;
        Ok(match Box::pin(app.run(task)).await? {
            Report::Keys(keys) => json!({"PublicKeys": keys.public_keys}),
            Report::Migrate(migration) => json!({"Applied": migration.applied.join(" ")}),
            _ => json!({}),
        })
    }

    fn response(&self, outcome: Result<Value, Error>) -> Response<'_> {
        let (status, reason, data) = match outcome {
            Ok(data) => (Status::Success, None, data),
            Err(error) => (Status::Failed, Some(error.to_string()), json!({})),
        };
        Response {
            status,
            reason: reason.map(|reason| reason.chars().take(response::LONGEST_REASON).collect()),
            // One that changed would be a new resource to `CloudFormation`.
            physical_resource_id: self.physical_resource_id.as_deref().unwrap_or(&self.logical_resource_id),
            stack_id: &self.stack_id,
            request_id: &self.request_id,
            logical_resource_id: &self.logical_resource_id,
            data,
        }
    }
}
