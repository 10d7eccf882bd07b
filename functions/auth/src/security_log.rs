//! Security events: one structured log line for each thing that a security officer may ask about.
//!
//! An event tells what was tried, its outcome, and where known the user, the session and the network. It never holds a
//! secret. Values are fields of a JSON object, so an event stays one line whatever a name holds.

use shared::http::ClientNetwork;
use shared::telemetry::SECURITY;
use tracing::field::display;
use uuid::Uuid;

/// A name that somebody tried to sign in with.
#[derive(Debug, Clone, Copy)]
pub(crate) enum TriedName<'a> {
    /// The name of a user.
    Known(&'a str),
    /// A digest of a name that is nobody's. People type their password there by mistake, so the log does not hold the
    /// name itself; attempts at one name have one digest.
    Unknown(&'a str),
}

/// An event of an account or a session, and its outcome.
#[must_use = "an event is written by `record`"]
#[derive(Debug, Default)]
pub(crate) struct Event<'a> {
    name: &'static str,
    outcome: &'static str,
    reason: Option<&'static str>,
    user_id: Option<i64>,
    username: Option<&'a str>,
    username_digest: Option<&'a str>,
    session_id: Option<Uuid>,
}

impl<'a> Event<'a> {
    pub(crate) fn new(name: &'static str, outcome: &'static str) -> Self {
        Self { name, outcome, ..Self::default() }
    }

    /// Why it was refused, where the outcome alone does not tell.
    pub(crate) fn reason(self, reason: &'static str) -> Self {
        Self { reason: Some(reason), ..self }
    }

    pub(crate) fn user(self, user_id: i64) -> Self {
        Self { user_id: Some(user_id), ..self }
    }

    /// The name that was tried.
    pub(crate) fn name(self, name: TriedName<'a>) -> Self {
        match name {
            TriedName::Known(username) => Self { username: Some(username), ..self },
            TriedName::Unknown(digest) => Self { username_digest: Some(digest), ..self },
        }
    }

    pub(crate) fn session(self, session_id: Uuid) -> Self {
        Self { session_id: Some(session_id), ..self }
    }

    /// Writes the event to the log.
    pub(crate) fn record(self, network: ClientNetwork) {
        let Self { name, outcome, reason, user_id, username, username_digest, session_id } = self;
        let session_id = session_id.as_ref().map(display);
        tracing::info!(
            target: SECURITY,
            event = name, outcome, reason, user_id, username, username_digest, session_id, ip = %network,
            "security event"
        );
    }
}
