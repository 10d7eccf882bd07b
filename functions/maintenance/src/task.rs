//! What can be asked for.

use serde::Deserialize;

use crate::set_role::Role;

/// What can be asked for, as the event has it: `{"task": "migrate"}`.
#[derive(Debug, Deserialize)]
#[serde(tag = "task", rename_all = "snake_case", deny_unknown_fields)]
pub enum Task {
    /// Brings the database up to date.
    Migrate {
        /// Only tells what would be done.
        #[serde(default)]
        dry_run: bool,
    },
    /// Deletes what nobody needs any more.
    Purge {},
    /// Gives a user a role.
    SetRole {
        /// The user's name, in any of its forms.
        username: String,
        /// The role from now on.
        role: Role,
    },
    /// Gives the deployment its keys, unless it has some.
    Keys {
        /// The secret that is to hold what is secret of them.
        secret_arn: String,
    },
}
