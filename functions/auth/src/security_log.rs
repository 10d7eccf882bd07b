//! Security events: one structured log line for each thing that a security officer may ask about.
//!
//! Never a secret. Values are fields of a JSON object, so a line stays one line whatever a name holds.

use shared::http::ClientIp;
use shared::telemetry::SECURITY;
use tracing::field::display;
use uuid::Uuid;

/// What happened to an account or a session, and how it ended.
#[must_use = "an event is written by `record`"]
#[derive(Debug, Default)]
pub(crate) struct Event<'a> {
    name: &'static str,
    outcome: &'static str,
    user_id: Option<i64>,
    username: Option<&'a str>,
    session_id: Option<Uuid>,
}

impl<'a> Event<'a> {
    pub(crate) fn new(name: &'static str, outcome: &'static str) -> Self {
        Self { name, outcome, ..Self::default() }
    }

    pub(crate) fn user(self, user_id: i64) -> Self {
        Self { user_id: Some(user_id), ..self }
    }

    /// The name that was tried, whether or not it is anybody's.
    pub(crate) fn username(self, username: &'a str) -> Self {
        Self { username: Some(username), ..self }
    }

    pub(crate) fn session(self, session_id: Uuid) -> Self {
        Self { session_id: Some(session_id), ..self }
    }

    /// Writes the event to the log.
    pub(crate) fn record(self, ip: ClientIp) {
        let Self { name, outcome, user_id, username, session_id } = self;
        let session_id = session_id.as_ref().map(display);
        tracing::info!(target: SECURITY, event = name, outcome, user_id, username, session_id, %ip, "security event");
    }
}
