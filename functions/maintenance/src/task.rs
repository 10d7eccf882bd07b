//! What an event asks for.

use serde::Deserialize;

use crate::set_role::Role;

/// What can be asked for, as the event has it: `{"task": "migrate"}`.
#[derive(Debug, Deserialize)]
#[serde(tag = "task", rename_all = "snake_case", deny_unknown_fields)]
pub enum Task {
    /// Brings the database up to date.
    Migrate {},
    /// Deletes what nobody needs any more.
    Purge {},
    /// Gives a user a role.
    SetRole {
        /// The user's name, in any of its forms.
        username: String,
        /// The role from now on.
        role: Role,
    },
}

/// What `EventBridge` sends when a schedule has no input of its own: it says that it is time, not for what.
#[derive(Deserialize)]
struct Occasion {
    #[serde(rename = "detail-type")]
    detail_type: String,
}

impl Task {
    /// The task that an event names. A schedule's own event asks for the one that is due regularly, the purge.
    pub(crate) fn read(event: &str) -> serde_json::Result<Self> {
        match serde_json::from_str(event) {
            Ok(Occasion { detail_type }) if detail_type == "Scheduled Event" => Ok(Self::Purge {}),
            _ => serde_json::from_str(event),
        }
    }
}
