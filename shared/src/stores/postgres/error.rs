//! Failed statements by the server's SQLSTATE: the kinds that a request must tell apart.

use tokio_postgres::error::SqlState;

use crate::stores::describe::describe;

/// The reason why a statement has no result.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server can't be reached, is too slow, read-only, or temporarily refuses work. On another connection the
    /// statement may succeed.
    #[error("postgres is unavailable: {0}")]
    Unavailable(String),
    /// The statement ran into a time limit of the server. Sent again it would run into the same one.
    #[error("postgres took too long: {0}")]
    TooSlow(String),
    /// A row with this key exists. A bug in this program, unless its statement allows for it.
    #[error("postgres has such a row: {}", describe(.0))]
    UniqueViolation(#[source] tokio_postgres::Error),
    /// The server rejected the statement, which is a bug in this program, or the sign-in.
    #[error("postgres refused: {}", describe(.0))]
    Rejected(#[source] tokio_postgres::Error),
}

impl Error {
    pub(super) fn timed_out() -> Self {
        Self::Unavailable("no answer in time".to_owned())
    }
}

impl From<tokio_postgres::Error> for Error {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(response) = error.as_db_error() else { return Self::Unavailable(describe(&error)) };
        if [&SqlState::QUERY_CANCELED, &SqlState::LOCK_NOT_AVAILABLE].contains(&response.code()) {
            Self::TooSlow(describe(&error))
        } else if is_transient(response.code()) {
            Self::Unavailable(describe(&error))
        } else if *response.code() == SqlState::UNIQUE_VIOLATION {
            Self::UniqueViolation(error)
        } else {
            Self::Rejected(error)
        }
    }
}

/// Tells whether a code describes the state of the server rather than a fault of the statement.
fn is_transient(code: &SqlState) -> bool {
    // Class 08: connection; 53: resources, too many connections; 57: shutdown, start-up.
    matches!(code.code().get(..2), Some("08" | "53" | "57"))
        || [
            &SqlState::READ_ONLY_SQL_TRANSACTION,
            &SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
            &SqlState::T_R_DEADLOCK_DETECTED,
            &SqlState::T_R_SERIALIZATION_FAILURE,
        ]
        .contains(&code)
}
