//! The struct [`Store`]: what the statements of accounts and sessions need, without the statements.
//!
//! It is in a file of its own because its methods are in several: each of those files imports the struct from here, and
//! none of them another one that imports it back.

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
