//! The steps that prepare the state of a case, as its file lists them under `given`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One step. Its first member says which kind it is.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Step {
    User(User),
    Row(Row),
    Send(Send),
    Sql(Sql),
}

/// A user who is signed in. The user `ada` yields the values `{{ada.id}}`, `{{ada.access_token}}` and
/// `{{ada.refresh_token}}`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct User {
    pub(super) user: String,
    #[serde(default = "user_role", skip_serializing_if = "is_user_role")]
    pub(super) role: String,
}

/// A row of the table `into`, whose columns are the members of `row`; others have their defaults.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Row {
    pub(super) row: Map<String, Value>,
    pub(super) into: String,
}

/// The event of another case (`<function>/<case>`), sent `times` times, a number or a pattern that stands for one, and
/// answered with `status` each time. With `as`
/// the last answer yields values such as `{{<as>.headers.etag}}` and `{{<as>.body.items.0.id}}`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Send {
    pub(super) send: String,
    pub(super) status: u16,
    #[serde(default = "once", skip_serializing_if = "is_once")]
    pub(super) times: Value,
    #[serde(default, rename = "as", skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
}

/// A statement, for a state that no request leads to, such as a user who is disabled.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sql {
    pub(super) sql: String,
}

fn user_role() -> String {
    "user".to_owned()
}

fn is_user_role(role: &str) -> bool {
    role == "user"
}

fn once() -> Value {
    1.into()
}

fn is_once(times: &Value) -> bool {
    *times == 1
}
