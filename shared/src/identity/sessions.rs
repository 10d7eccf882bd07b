//! Who is signed in, as the database sees it at this moment.

use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::stores::postgres::{Error, Postgres};

/// The role that may do everything.
pub const ADMIN: &str = "admin";

/// A user with a live session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    /// The user's id.
    pub user_id: i64,
    /// The name as the user wrote it.
    pub username: String,
    /// `user` or `admin`, as of now.
    pub role: String,
    /// The session the token belongs to.
    pub session_id: Uuid,
}

/// The user of session `$1` if it is user `$2`'s: name, role, and when the session ends at the latest. No row where
/// the session has ended or the user is disabled or gone. For a statement of its own, or as part of a transaction.
pub const FIND_LIVE: &str = "
    select users.username, users.role, sessions.expires_at
    from sessions
    join users on users.id = sessions.user_id
    where sessions.id = $1
      and sessions.user_id = $2
      and sessions.ended_at is null
      and sessions.expires_at > now()
      and not users.disabled";

/// The user of a session, as [`FIND_LIVE`] has it.
pub async fn find_live(
    postgres: &Postgres,
    session_id: Uuid,
    user_id: i64,
) -> Result<Option<SignedIn>, Error> {
    let rows = postgres.read(FIND_LIVE, &[(&session_id, Type::UUID), (&user_id, Type::INT8)]).await?;
    Ok(rows.first().map(|row| SignedIn { user_id, username: row.get(0), role: row.get(1), session_id }))
}
