//! The identity of the API's users: their tokens, passwords, usernames and sessions.
//!
//! Signing in checks a password ([`passwords`]) of a username ([`usernames`]), begins a session in the database and
//! returns tokens for it ([`tokens`]). A request presents its access token; wherever the user's current role or a
//! revocation matters, the session is looked up as well ([`sessions`]).

pub mod passwords;
pub mod sessions;
pub mod tokens;
pub mod usernames;
