//! The SQL of accounts and sessions. The struct [`Store`] is in `store/handle.rs`; the other files add methods to it:
//!
//! | module | purpose |
//! |---|---|
//! | `handle` | the struct `Store` |
//! | `accounts` | registration, credentials, changes of the password |
//! | `sessions` | begins, ends and lists sessions |
//! | `rotation` | exchanges a refresh token for its successor |
//!
//! Each operation is one statement, except where two must see each other's effects: these run in a transaction.

mod accounts;
mod handle;
mod rotation;
mod sessions;

pub(crate) use accounts::{Account, Credentials};
pub(crate) use handle::Store;
pub(crate) use rotation::TokenState;
pub(crate) use sessions::{EndReason, LIVE_SESSIONS, NewSession, SessionRow};
