//! The handle that all statements of this store go through.

use std::sync::Arc;

use shared::cache::Cache;
use shared::stores::postgres::Postgres;
use tokio::sync::OnceCell;

use crate::cursor::Key;

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
