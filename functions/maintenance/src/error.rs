//! The reasons for which a task fails.

use shared::lambda::ReportedError;

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
    Migration(#[from] refinery_core::Error),
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
