//! Work on the stores that no caller may ask for: plain Lambda events, invoked directly.

mod migrate;
mod purge;
mod set_role;
mod task;

use lambda_runtime::LambdaEvent;
use serde::Serialize;
use serde_json::value::RawValue;
use shared::env::{self, Env};
use shared::telemetry::SECURITY;

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
    /// The database is up to date.
    Migrate(Migration),
    /// That much is deleted.
    Purge(Purge),
    /// The user has the role.
    SetRole(RoleChange),
}

/// Why a task was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The event asks for nothing that there is.
    #[error("this is no task: {0}")]
    NoTask(#[from] serde_json::Error),
    /// The database can't be reached, or refused.
    #[error("postgres: {0}")]
    Postgres(#[from] tokio_postgres::Error),
    /// A migration failed; those before it stand.
    #[error("migration: {0}")]
    Migration(#[from] refinery::Error),
    /// Nobody has this name.
    #[error("there is no such user")]
    NoSuchUser,
}

/// The function's state: where the database is. Each task opens a connection of its own, because tasks are
/// rare and take locks that a shared connection must not hold.
#[derive(Debug, Clone)]
pub struct App {
    database_url: String,
}

impl App {
    /// Reads `DATABASE_URL`.
    pub fn from_env(env: &Env) -> Result<Self, env::Error> {
        Ok(Self { database_url: env.required("DATABASE_URL")?.to_owned() })
    }

    /// Does what an event asks for.
    pub async fn answer(&self, event: LambdaEvent<Box<RawValue>>) -> Result<Report, Error> {
        let task = Task::read(event.payload.get())?;
        self.run(LambdaEvent::new(task, event.context)).await
    }

    /// Does one task.
    pub async fn run(&self, event: LambdaEvent<Task>) -> Result<Report, Error> {
        match event.payload {
            Task::Migrate {} => Ok(Report::Migrate(migrate(&self.database_url).await?)),
            Task::Purge {} => Ok(Report::Purge(purge::purge(&self.database_url).await?)),
            Task::SetRole { username, role } => {
                let change = set_role::set_role(&self.database_url, &username, role).await?;
                tracing::info!(target: SECURITY, event = "role_change", outcome = "success",
                    user_id = change.user_id, role = role.name(), "security event");
                Ok(Report::SetRole(change))
            }
        }
    }
}
