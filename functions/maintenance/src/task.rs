//! The tasks of this function and their reports.

use serde::{Deserialize, Serialize};

use crate::custom_resource::response::CustomResourceReport;
use crate::keys::Keys;
use crate::migrate::Migration;
use crate::origin_secret::OriginSecret;
use crate::purge::Purge;
use crate::set_role::{Role, RoleChange};

/// A task, as an event names it: `{"task": "migrate"}`.
#[derive(Debug, Deserialize)]
#[serde(tag = "task", rename_all = "snake_case", deny_unknown_fields)]
pub enum Task {
    /// Brings the database up to date.
    Migrate {
        /// Only tells what would be done.
        #[serde(default)]
        dry_run: bool,
        /// Whether the database replaces another one and must not be empty. Only a deployment can tell.
        #[serde(skip)]
        is_replacement: bool,
    },
    /// Deletes expired rows.
    Purge {},
    /// Gives a user a role.
    SetRole {
        /// The user's name, in any of its forms.
        username: String,
        /// The role from now on.
        role: Role,
        /// Who asks for it, for the log: Lambda does not say who invoked a function.
        by: Option<String>,
    },
    /// Gives the deployment its keys, unless it has some.
    Keys {
        /// The secret that is to hold what is secret of them.
        secret_arn: String,
    },
    /// Gives the deployment the secret that `CloudFront` sends, unless it has one.
    OriginSecret {
        /// The secret that is to hold it.
        secret_arn: String,
    },
}

/// The result of a task.
#[derive(Debug, Serialize)]
#[serde(tag = "task", rename_all = "snake_case")]
pub enum Report {
    /// The migrations that were applied, or after a dry run those that are missing.
    Migrate(Migration),
    /// The number of rows that were deleted, by table.
    Purge(Purge),
    /// The user and the role that they have now.
    SetRole(RoleChange),
    /// The keys of the deployment.
    Keys(Keys),
    /// The digests of the secret that `CloudFront` sends.
    OriginSecret(OriginSecret),
    /// The response that `CloudFormation` got.
    CustomResource(CustomResourceReport),
}
