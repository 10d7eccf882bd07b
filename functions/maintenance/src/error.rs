//! The reasons for which a task fails.

use refinery_core::error::Kind;
use shared::lambda::ReportedError;
use shared::stores::describe::describe;

use crate::purge::PartialPurge;

/// Why a task was not done. Holds no secret, and no value of a row.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The event asks for no task that exists.
    #[error("this is no task: {0}")]
    UnknownTask(#[from] serde_json::Error),
    /// The database can't be reached, or refused.
    #[error("postgres: {}", describe(.0))]
    Postgres(#[from] tokio_postgres::Error),
    /// The database neither accepted nor refused a connection in time.
    #[error("postgres: no answer in time")]
    ConnectTimeout,
    /// A migration failed; those before it stand.
    #[error("migration: {}", describe_migration(.0))]
    Migration(#[from] refinery_core::Error),
    /// A deployment is about to replace the database by one that was never migrated.
    #[error(
        "this deployment would replace the database by an empty one, so nothing was done; the old database is kept \
         when the deployment rolls back. Name a snapshot of it in the template's DatabaseSnapshot, or delete the \
         stack if its data is meant to go"
    )]
    EmptyReplacement,
    /// Some tables were not purged.
    #[error("{0}")]
    PartialPurge(#[from] PartialPurge),
    /// Nobody has this name.
    #[error("there is no such user")]
    UnknownUser,
    /// Secrets Manager refused.
    #[error("the secret: {0}")]
    Secret(#[from] secrets::Error),
    /// The secret's value was not written by this function.
    #[error(
        "the secret's value was not written by this function, which can not tell the public key or the digest that \
         belongs to it"
    )]
    ForeignSecret,
    /// The properties of a custom resource name no task that a deployment may ask for.
    #[error(
        "the properties must be Task: migrate, or Task: settings_digest and Values, or Task: keys or origin_secret \
         and SecretArn"
    )]
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

/// refinery's message, without the "db error" that it takes from the client.
fn describe_migration(error: &refinery_core::Error) -> String {
    match error.kind() {
        Kind::Connection(failure, cause) => format!("{failure}: {}", describe(cause.as_ref())),
        _ => error.to_string(),
    }
}
