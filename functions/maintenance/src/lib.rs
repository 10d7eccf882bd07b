//! The `maintenance` function: work on the stores that no client may ask for.
//!
//! It serves no HTTP. Its events name a [`Task`] and come from an operator who invokes the function, from a schedule,
//! or from `CloudFormation` during a deployment. Each task is safe to repeat, and its result is a [`Report`].

mod connection;
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
use serde_json::value::RawValue;
use shared::config::{self, Env};
use shared::lambda::ReportedError;
use shared::stores::postgres::ConnectionSettings;
use shared::telemetry::SECURITY;

use event::Event;

pub use connection::connect;
pub use custom_resource::CustomResourceReport;
pub use keys::Keys;
pub use migrate::{Migration, migrate};
pub use purge::Purge;
pub use set_role::{Role, RoleChange};
pub use task::{Report, Task};

/// The binary's name.
pub const NAME: &str = "maintenance";

/// Why a task was not done. Holds no secret.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The event asks for no task that exists.
    #[error("this is no task: {0}")]
    UnknownTask(#[from] serde_json::Error),
    /// The database can't be reached, or refused.
    #[error("postgres: {0}")]
    Postgres(#[from] tokio_postgres::Error),
    /// The database neither accepted nor refused a connection in time.
    #[error("postgres: no answer in time")]
    ConnectTimeout,
    /// A migration failed; those before it stand.
    #[error("migration: {0}")]
    Migration(#[from] refinery::Error),
    /// Nobody has this name.
    #[error("there is no such user")]
    UnknownUser,
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
    InvalidProperties,
    /// The task took so long that there was only time left to report it.
    #[error("the task was not done in time")]
    DeadlineExceeded,
    /// `CloudFormation` waits for a response that could not be delivered.
    #[error("CloudFormation was not answered: {0}")]
    ResponseUndelivered(&'static str),
}

impl ReportedError for Error {
    const TYPE: &'static str = "maintenance::Error";
}

/// The function's state: where the database and the secrets are. Each task opens a connection of its own, because
/// tasks are rare and take locks that a shared connection must not hold.
#[derive(Clone)]
pub struct App {
    database: ConnectionSettings,
    secrets: Arc<SecretsClient>,
}

impl App {
    /// Reads how to reach the database and Secrets Manager: see [`ConnectionSettings::from_env`] and
    /// [`SecretsClient::from_env`].
    pub fn from_env(env: &Env) -> Result<Self, config::Error> {
        Ok(Self {
            database: ConnectionSettings::from_env(env)?,
            secrets: Arc::new(SecretsClient::from_env(env)?),
        })
    }

    /// Does the task of an event. For a custom resource, a task that fails is no error: `CloudFormation` is told.
    pub async fn answer(&self, event: LambdaEvent<Box<RawValue>>) -> Result<Report, Error> {
        let LambdaEvent { payload, context } = event;
        let report = self.dispatch(payload.get(), &context).await;
        report.inspect_err(|error| tracing::error!(%error, "a task failed"))
    }

    async fn dispatch(&self, event: &str, context: &Context) -> Result<Report, Error> {
        match Event::read(event)? {
            Event::Task(task) => self.run(task).await,
            Event::CustomResource(request) => {
                let run = |task| Box::pin(self.run_when_awake(task));
                request.handle(context.deadline(), run).await.map(Report::CustomResource)
            }
        }
    }

    /// Does one task of a deployment, which may find the database paused.
    async fn run_when_awake(&self, task: Task) -> Result<Report, Error> {
        connection::wait_for_database(&self.database).await;
        self.run(task).await
    }

    /// Does one task.
    pub async fn run(&self, task: Task) -> Result<Report, Error> {
        match task {
            Task::Migrate { dry_run: false } => Ok(Report::Migrate(migrate(&self.database).await?)),
            Task::Migrate { dry_run: true } => Ok(Report::Migrate(migrate::dry_run(&self.database).await?)),
            Task::Purge {} => Ok(Report::Purge(purge::purge(&self.database).await?)),
            Task::SetRole { username, role } => {
                let change = set_role::set_role(&self.database, &username, role).await?;
                tracing::info!(target: SECURITY, event = "role_change", outcome = "success",
                    user_id = change.user_id, role = role.name(), "security event");
                Ok(Report::SetRole(change))
            }
            Task::Keys { secret_arn } => {
                Ok(Report::Keys(keys::keys(&self.secrets, &self.database, &secret_arn).await?))
            }
        }
    }
}
