//! The live sessions, as the database has them at this moment.
//!
//! A token stays valid until it expires, also when its session was ended or its user was disabled meanwhile. Where that
//! must take effect at once, the session is looked up here, and the user's current role with it.

use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::stores::postgres::{Error, Postgres};

/// The role with every permission.
pub const ADMIN: &str = "admin";

/// A user with a live session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    /// The user's id.
    pub user_id: i64,
    /// The username in the spelling of its registration.
    pub username: String,
    /// The current role: `user` or `admin`.
    pub role: String,
    /// The session that the token belongs to.
    pub session_id: Uuid,
}

/// Selects the username, the role and the time of expiry for session `$1` of user `$2`. There is no row when the
/// session has ended, alone or with all of its epoch, or expired, belongs to another user, or its user is disabled or
/// deleted. Types: `uuid` and `int8`.
pub const FIND_LIVE: &str = "
    select users.username, users.role, sessions.expires_at
    from sessions
    join users on users.id = sessions.user_id
    where sessions.id = $1
      and sessions.user_id = $2
      and sessions.epoch = users.session_epoch
      and sessions.ended_at is null
      and sessions.expires_at > now()
      and not users.disabled";

/// Finds the user of a live session by [`FIND_LIVE`].
pub async fn find_live(
    postgres: &Postgres,
    session_id: Uuid,
    user_id: i64,
) -> Result<Option<SignedIn>, Error> {
    let rows = postgres.read(FIND_LIVE, &[(&session_id, Type::UUID), (&user_id, Type::INT8)]).await?;
    Ok(rows.first().map(|row| SignedIn { user_id, username: row.get(0), role: row.get(1), session_id }))
}
