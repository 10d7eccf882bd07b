//! The SQL of accounts and sessions.
//!
//! Each operation is one statement, except where two must see each other's effects: these run in a transaction.
//! The database knows a refresh token by its SHA-256 alone, so who reads the table can't use what is in it.

mod accounts;
mod handle;
mod rotation;
mod sessions;

pub(crate) use accounts::{Account, Credentials};
pub(crate) use handle::Store;
pub(crate) use rotation::TokenState;
pub(crate) use sessions::{EndReason, NewSession, SessionRow};
