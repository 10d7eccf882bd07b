//! The steps that bring about the state of a case, as its file tells them under `given`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One step, told by its first member.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Step {
    User(User),
    Book(Book),
    Send(Send),
    Sql(Sql),
}

/// Somebody who is registered and signed in: `{{ada.id}}`, `{{ada.access_token}}`, `{{ada.refresh_token}}`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct User {
    pub(super) user: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) role: Option<String>,
}

/// A book, created by a user of an earlier step.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Book {
    pub(super) book: Value,
    pub(super) by: String,
}

/// The event of another case (`<function>/<case>`), `times` times, each answered with `status`. The last answer is
/// kept as `{{<as>.headers.etag}}`, `{{<as>.body.items.0.id}}` and so on.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Send {
    pub(super) send: String,
    pub(super) status: u16,
    #[serde(default = "once", skip_serializing_if = "is_once")]
    pub(super) times: u32,
    #[serde(default, rename = "as", skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
}

/// What no caller can bring about, such as a user who is disabled.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sql {
    pub(super) sql: String,
}

fn once() -> u32 {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_once(times: &u32) -> bool {
    *times == 1
}
