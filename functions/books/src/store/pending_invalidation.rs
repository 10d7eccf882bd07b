//! Invalidations of the cache that failed.
//!
//! A write is committed before it invalidates the cached pages. If Redis gives no answer then, the write is answered as
//! done all the same, and a row in `pending_invalidations` records that stale pages may be cached. The next reader who
//! misses a page sees the row and repeats the invalidation. If not even the row can be written, a stale page lives
//! until it expires.

use shared::stores::postgres::Error;
use shared::telemetry::metrics::{self, Metric};
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::handle::Store;

/// Selects the mark of an invalidation that is still to be done; null if there is none. It is a part of the query of a
/// page, so that it costs no round trip of its own.
pub(super) const PENDING: &str = "select mark from pending_invalidations where list = 'books'";

/// The mark of an invalidation that is still to be done. Each failure has a mark of its own, so that a reader who
/// repeats one does not delete the record of a later one.
#[derive(Debug, Clone, Copy)]
pub(super) struct PendingInvalidation(i64);

impl PendingInvalidation {
    /// Reads the column `pending`.
    pub(super) fn from_row(row: &Row) -> Option<Self> {
        row.get::<_, Option<i64>>("pending").map(Self)
    }
}

impl Store {
    /// Invalidates the cached pages, or records that it is still to be done.
    pub(super) async fn invalidate_pages(&self) {
        let Err(error) = self.cache.invalidate().await else { return };
        metrics::count(Metric::FailedInvalidations);
        tracing::error!(%error, "pages were not invalidated");
        if let Err(error) = self.insert_pending().await {
            tracing::error!(%error, "stale pages will be served until they expire");
        }
    }

    /// Does what failed: invalidates the pages, then deletes the record. In this order, so that a failure leaves the
    /// record.
    pub(super) async fn repeat_invalidation(&self, pending: PendingInvalidation) {
        if let Err(error) = self.cache.invalidate().await {
            tracing::warn!(%error, "pages are still not invalidated");
            return;
        }
        match self.delete_pending(pending).await {
            Ok(()) => tracing::info!("a failed invalidation was repeated"),
            Err(error) => tracing::warn!(%error, "an invalidation will be repeated once more"),
        }
    }

    async fn insert_pending(&self) -> Result<(), Error> {
        const SQL: &str = "
            insert into pending_invalidations (list) values ('books')
            on conflict (list) do update set mark = default, noted_at = default";
        self.postgres.write(SQL, &[]).await.map(drop)
    }

    async fn delete_pending(&self, PendingInvalidation(mark): PendingInvalidation) -> Result<(), Error> {
        const SQL: &str = "delete from pending_invalidations where list = 'books' and mark = $1";
        self.postgres.write(SQL, &[(&mark, Type::INT8)]).await.map(drop)
    }
}
