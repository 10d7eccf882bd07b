//! The `maintenance` function: work on the stores that no client may ask for.
//!
//! It serves no HTTP. Its events name a [`Task`] and come from an operator who invokes the function, from a schedule,
//! or from `CloudFormation` during a deployment. Each task is safe to repeat, and its result is a [`Report`].
//!
//! | task | what it needs |
//! |---|---|
//! | `migrate` | a user who owns the tables and may create roles; a dry run changes nothing |
//! | `purge` | the rights to select, update (for row locks) and delete in the tables of [`PURGEABLE`] |
//! | `set_role` | the rights to select and update `users` |
//! | `keys`, `origin_secret` | a user who may connect, and `DescribeSecret` and `PutSecretValue` for the secret |
//! | `settings_digest` (a custom resource only) | nothing |
//!
//! No task reads a secret; those that write one connect to the database for a lock. Every connection is to the server
//! itself and never to RDS Proxy. It waits up to 90 s for a database that wakes, so the function's own timeout must be
//! longer, and the limits that roles have for requests do not count (`connection.rs`). A failure is reported with the
//! database's own message and SQLSTATE.

mod connection;
mod custom_resource;
mod error;
mod event;
mod keys;
mod migrate;
mod origin_secret;
mod purge;
mod secret_versions;
mod set_role;
mod settings_digest;
mod task;

use std::sync::Arc;

use lambda_runtime::{Context, LambdaEvent};
use secrets::SecretsClient;
use serde_json::value::RawValue;
use shared::config::{self, Env};
use shared::stores::postgres::ConnectionSettings;
use shared::telemetry::SECURITY;

use event::Event;

pub use custom_resource::response::CustomResourceReport;
pub use error::Error;
pub use keys::Keys;
pub use migrate::{Migration, migrate};
pub use origin_secret::OriginSecret;
pub use purge::{PURGEABLE, PartialPurge, Purge, Purgeable};
pub use set_role::{Role, RoleChange};
pub use task::{Report, Task};

/// The binary's name.
pub const NAME: &str = "maintenance";

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
    pub async fn handle(&self, event: LambdaEvent<Box<RawValue>>) -> Result<Report, Error> {
        let LambdaEvent { payload, context } = event;
        let report = self.dispatch(payload.get(), &context).await;
        report.inspect_err(|error| tracing::error!(%error, "a task failed"))
    }

    async fn dispatch(&self, event: &str, context: &Context) -> Result<Report, Error> {
        match Event::read(event)? {
            Event::Task(task) => self.run(task).await,
            Event::CustomResource(request) => {
                let run = |task| Box::pin(self.run(task));
                request.handle(context.deadline(), run).await.map(Report::CustomResource)
            }
        }
    }

    /// Does one task.
    pub async fn run(&self, task: Task) -> Result<Report, Error> {
        match task {
            Task::Migrate { dry_run: true, .. } => {
                Ok(Report::Migrate(migrate::dry_run(&self.database).await?))
            }
            Task::Migrate { is_replacement: true, .. } => {
                Ok(Report::Migrate(migrate::migrate_replacement(&self.database).await?))
            }
            Task::Migrate { .. } => Ok(Report::Migrate(migrate(&self.database).await?)),
            Task::Purge {} => Ok(Report::Purge(purge::purge(&self.database).await?)),
            Task::SetRole { username, role, by } => {
                let change = set_role::set_role(&self.database, &username, role).await?;
                tracing::info!(target: SECURITY, event = "role_change", outcome = "success",
                    user_id = change.user_id, role = role.name(), by, "security event");
                Ok(Report::SetRole(change))
            }
            Task::Keys { secret_arn } => {
                Ok(Report::Keys(keys::keys(&self.secrets, &self.database, &secret_arn).await?))
            }
            Task::OriginSecret { secret_arn } => {
                let made = origin_secret::origin_secret(&self.secrets, &self.database, &secret_arn);
                Ok(Report::OriginSecret(made.await?))
            }
        }
    }
}
