//! Custom resources of a deployment: `CloudFormation` asks for a task and waits for the response at a URL of its own.
//!
//! The response is sent whatever the result of the task: without one a deployment stands still for an hour. So the task
//! gets less time than Lambda gives the function.

pub(crate) mod response;

use std::time::{Duration, SystemTime};

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::timeout;

use self::response::{CustomResourceReport, Response, Status};
use crate::Error;
use crate::settings_digest;
use crate::task::{Report, Task};

/// The part of the time that Lambda gives which is reserved for sending the response.
const TIME_TO_RESPOND: Duration = Duration::from_secs(10);

/// A request of `CloudFormation`: see "Custom resource request objects" in its user guide. It has no `Debug`, because
/// anybody who has the URL can respond.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct CustomResourceRequest {
    request_type: RequestType,
    #[serde(rename = "ResponseURL")]
    response_url: String,
    stack_id: String,
    request_id: String,
    logical_resource_id: String,
    physical_resource_id: Option<String>,
    #[serde(default)]
    resource_properties: Value,
    /// The properties before an update.
    #[serde(default)]
    old_resource_properties: Value,
}

/// The step in the life of the resource.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
enum RequestType {
    Create,
    Update,
    Delete,
}

/// The task that a deployment asks for. Other properties are ignored: one that differs at each deployment makes
/// `CloudFormation` ask again.
#[derive(Deserialize)]
#[serde(tag = "Task", rename_all = "snake_case")]
enum Properties {
    Migrate {},
    Keys {
        #[serde(rename = "SecretArn")]
        secret_arn: String,
    },
    OriginSecret {
        #[serde(rename = "SecretArn")]
        secret_arn: String,
    },
    SettingsDigest {
        #[serde(rename = "Values")]
        values: Value,
    },
}

impl CustomResourceRequest {
    /// Does the task with `run`, and sends the response before `deadline`.
    pub(crate) async fn handle<Work: Future<Output = Result<Report, Error>>>(
        self,
        deadline: SystemTime,
        run: impl FnOnce(Task) -> Work,
    ) -> Result<CustomResourceReport, Error> {
        let remaining = || deadline.duration_since(SystemTime::now()).unwrap_or_default();
        let task = timeout(remaining().saturating_sub(TIME_TO_RESPOND), self.attributes(run)).await;
        let attributes = task.unwrap_or(Err(Error::DeadlineExceeded));
        if let Err(error) = &attributes {
            tracing::error!(%error, resource = self.logical_resource_id, "a step of a deployment failed");
        }
        let response = self.response(attributes);
        response.send(&self.response_url, remaining()).await?;
        Ok(CustomResourceReport { status: response.status, reason: response.reason })
    }

    /// Does the task and returns the attributes of the resource. Nothing is undone on deletion, whatever the
    /// properties: migrations and secrets stay.
    async fn attributes<Work: Future<Output = Result<Report, Error>>>(
        &self,
        run: impl FnOnce(Task) -> Work,
    ) -> Result<Value, Error> {
        if self.request_type == RequestType::Delete {
            return Ok(json!({}));
        }
        let properties =
            Properties::deserialize(&self.resource_properties).map_err(|_| Error::InvalidProperties)?;
        let task = match properties {
            Properties::SettingsDigest { values } => {
                return Ok(json!({"Digest": settings_digest::digest(values)}));
            }
            Properties::Migrate {} => {
                Task::Migrate { dry_run: false, is_replacement: self.replaces_database() }
            }
            Properties::Keys { secret_arn } => Task::Keys { secret_arn },
            Properties::OriginSecret { secret_arn } => Task::OriginSecret { secret_arn },
        };
        Ok(match run(task).await? {
            Report::Keys(keys) => json!({"PublicKeys": keys.public_keys}),
            Report::OriginSecret(secret) => json!({"Digests": secret.digests}),
            Report::Migrate(migration) => json!({"Applied": migration.applied.join(" ")}),
            _ => json!({}),
        })
    }

    /// Tells whether an update leads to another database than before. Says no if the old one is unknown.
    fn replaces_database(&self) -> bool {
        let [new, old] = [&self.resource_properties, &self.old_resource_properties]
            .map(|properties| &properties["Database"]);
        !new.is_null() && !old.is_null() && new != old
    }

    fn response(&self, attributes: Result<Value, Error>) -> Response<'_> {
        let (status, reason, data) = match attributes {
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
