//! Work on the stores that no caller may ask for: plain Lambda events, invoked directly, by a schedule, or by a
//! deployment.

mod custom_resource;
mod event;
mod keys;
mod migrate;
mod purge;
mod set_role;
mod task;

use std::sync::Arc;

use lambda_runtime::{Context, LambdaEvent};
use secrets::SecretsClient;
use serde::Serialize;
use serde_json::value::RawValue;
use shared::config::{self, Env};
use shared::stores::postgres::ConnectionSettings;
use shared::telemetry::SECURITY;

use event::Event;

pub use custom_resource::Answered;
pub use keys::Keys;
pub use migrate::{Migration, connect, migrate};
pub use purge::Purge;
pub use set_role::{Role, RoleChange};
pub use task::Task;

/// The binary's name.
pub const NAME: &str = "maintenance";

/// What was done.
#[derive(Debug, Serialize)]
#[serde(tag = "task", rename_all = "snake_case")]
pub enum Report {
    /// The database is up to date, or what is missing.
    Migrate(Migration),
    /// That much is deleted.
    Purge(Purge),
    /// The user has the role.
    SetRole(RoleChange),
    /// The deployment has these keys.
    Keys(Keys),
    /// `CloudFormation` was told how its task went.
    CustomResource(Answered),
}

/// Why a task was not done. Holds no secret.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The event asks for nothing that there is.
    #[error("this is no task: {0}")]
    NoTask(#[from] serde_json::Error),
    /// The database can't be reached, or refused.
    #[error("postgres: {0}")]
    Postgres(#[from] tokio_postgres::Error),
    /// The database says nothing, neither yes nor no.
    #[error("postgres: no answer in time")]
    Silent,
    /// A migration failed; those before it stand.
    #[error("migration: {0}")]
    Migration(#[from] refinery::Error),
    /// Nobody has this name.
    #[error("there is no such user")]
    NoSuchUser,
    /// Secrets Manager refused.
    #[error("the secret: {0}")]
    Secret(#[from] secrets::Error),
    /// The secret's value was not written by this function.
    #[error(
        "the secret's value was not written by this function, which can not tell the public key that belongs to it"
    )]
    ForeignSecret,
    /// The properties of a custom resource name no task that a deployment may ask for.
    #[error("the properties must be Task: migrate, or Task: keys and SecretArn")]
    NoSuchTask,
    /// The task took so long that there was only time left to say so.
    #[error("the task was not done in time")]
    TooSlow,
    /// `CloudFormation` waits for an answer that could not be handed in.
    #[error("CloudFormation was not answered: {0}")]
    Unanswered(&'static str),
}

/// The function's state: where the database and the secrets are. Each task opens a connection of its own, because
/// tasks are rare and take locks that a shared connection must not hold.
#[derive(Clone)]
pub struct App {
    database: ConnectionSettings,
    vault: Arc<SecretsClient>,
}

impl App {
    /// Reads what leads to the database and to Secrets Manager: see [`ConnectionSettings::from_env`] and
    /// [`SecretsClient::from_env`].
    pub fn from_env(env: &Env) -> Result<Self, config::Error> {
        Ok(Self {
            database: ConnectionSettings::from_env(env)?,
            vault: Arc::new(SecretsClient::from_env(env)?),
        })
    }

    /// Does what an event asks for. For a custom resource, a task that fails is no error: `CloudFormation` is told.
    pub async fn answer(&self, event: LambdaEvent<Box<RawValue>>) -> Result<Report, Error> {
        let LambdaEvent { payload, context } = event;
        let outcome = self.dispatch(payload.get(), &context).await;
        outcome.inspect_err(|error| tracing::error!(%error, "a task failed"))
    }

    async fn dispatch(&self, event: &str, context: &Context) -> Result<Report, Error> {
        match Event::read(event)? {
            Event::Task(task) => self.run(task).await,
            Event::CustomResource(resource) => {
                resource.answer(self, context.deadline()).await.map(Report::CustomResource)
            }
        }
    }

    /// Does one task.
    pub async fn run(&self, task: Task) -> Result<Report, Error> {
        match task {
            Task::Migrate { dry_run: false } => Ok(Report::Migrate(migrate(&self.database).await?)),
            Task::Migrate { dry_run: true } => Ok(Report::Migrate(migrate::rehearse(&self.database).await?)),
            Task::Purge {} => Ok(Report::Purge(purge::purge(&self.database).await?)),
            Task::SetRole { username, role } => {
                let change = set_role::set_role(&self.database, &username, role).await?;
                tracing::info!(target: SECURITY, event = "role_change", outcome = "success",
                    user_id = change.user_id, role = role.name(), "security event");
                Ok(Report::SetRole(change))
            }
            Task::Keys { secret_arn } => {
                Ok(Report::Keys(keys::keys(&self.vault, &self.database, &secret_arn).await?))
            }
        }
    }
}
