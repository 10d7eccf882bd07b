//! The struct [`Store`]: what the statements of books need, without the statements.
//!
//! It is in a file of its own because its methods are in several: each of those files imports the struct from here, and
//! none of them another one that imports it back.

use std::sync::Arc;

use shared::cache::Cache;
use shared::stores::postgres::Postgres;
use tokio::sync::OnceCell;

use crate::cursor::Key;

/// The name of the lists in the cache.
pub(crate) const LIST: &str = "books";

/// Stores books in Postgres, and pages of them in the cache.
#[derive(Clone)]
pub(crate) struct Store {
    pub(super) postgres: Postgres,
    pub(super) cache: Cache,
    pub(super) cursor_key: Arc<OnceCell<Key>>,
}

impl Store {
    pub(crate) fn new(postgres: Postgres, cache: Cache) -> Self {
        Self { postgres, cache, cursor_key: Arc::default() }
    }
}
