//! The task `set_role` gives a user a role. This is how the first administrator is made.

use serde::{Deserialize, Serialize};
use shared::identity::usernames;
use shared::stores::postgres::ConnectionSettings;

use crate::Error;
use crate::connection::connect;

/// The role of a user, which decides what they may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Create and update.
    User,
    /// Delete as well.
    Admin,
}

impl Role {
    /// The role as the database has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Admin => "admin",
        }
    }
}

/// A user's role, as it is now.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct RoleChange {
    /// The user.
    pub user_id: i64,
    /// The name as its owner writes it.
    pub username: String,
    /// The role.
    pub role: Role,
}

/// Sets the role of the user with this name, in any of its forms. Safe to repeat.
pub(crate) async fn set_role(
    database: &ConnectionSettings,
    username: &str,
    role: Role,
) -> Result<RoleChange, Error> {
    const SQL: &str = "update users set role = $2 where username_key = $1 returning id, username";
    let client = connect(database).await?;
    let row = client.query_opt(SQL, &[&usernames::key(username), &role.name()]).await?;
    let row = row.ok_or(Error::UnknownUser)?;
    Ok(RoleChange { user_id: row.get(0), username: row.get(1), role })
}
