//! The SQL of accounts and sessions.
//!
//! Each operation is one statement, except where two must see each other's effects: these run in a transaction.
//! The database knows a refresh token by its SHA-256 alone, so who reads the table can't use what is in it.

mod accounts;
mod rotation;
mod sessions;

use sha2::{Digest, Sha256};
use shared::stores::postgres::Postgres;

pub(crate) use accounts::{Account, Credentials};
pub(crate) use rotation::TokenState;
pub(crate) use sessions::{EndReason, NewSession, SessionRow};

/// Stores accounts and sessions in Postgres.
#[derive(Clone)]
pub(crate) struct Store {
    postgres: Postgres,
}

impl Store {
    pub(crate) fn new(postgres: Postgres) -> Self {
        Self { postgres }
    }
}

/// The primary key of a refresh token.
fn digest(token: &str) -> Vec<u8> {
    Sha256::digest(token).to_vec()
}
