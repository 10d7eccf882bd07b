//! The struct [`Store`]: what the statements of accounts and sessions need, without the statements.
//!
//! It is in a file of its own because its methods are in several: each of those files imports the struct from here, and
//! none of them another one that imports it back.

use sha2::{Digest, Sha256};
use shared::stores::postgres::Postgres;

/// Stores accounts and sessions in Postgres.
#[derive(Clone)]
pub(crate) struct Store {
    pub(super) postgres: Postgres,
}

impl Store {
    pub(crate) fn new(postgres: Postgres) -> Self {
        Self { postgres }
    }
}

/// The primary key of a refresh token: its SHA-256. The database has no more of it, so nobody can use a token that they
/// read there.
pub(super) fn digest(token: &str) -> Vec<u8> {
    Sha256::digest(token).to_vec()
}
