//! The handle that all statements of this store go through.

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

/// The primary key of a refresh token.
pub(super) fn digest(token: &str) -> Vec<u8> {
    Sha256::digest(token).to_vec()
}
