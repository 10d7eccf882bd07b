//! Invalidations of the cache that failed.
//!
//! A write is committed before it invalidates the cached pages. If Redis gives no answer then, the write is answered as
//! done all the same, and a row in `pending_invalidations` records that stale pages may be cached. The next reader who
//! misses a page sees the row, since the query of a page selects it too, and repeats the invalidation. If not even the
//! row can be written, a stale page lives until it expires.

use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::Cache;
use crate::stores::postgres::{Error, Postgres};
use crate::telemetry::metrics::{self, Metric};

/// The mark of an invalidation that is still to be done. Each failure has a mark of its own, so that a reader who
/// repeats one does not delete the record of a later one.
#[derive(Debug, Clone, Copy)]
pub struct PendingInvalidation(i64);

impl PendingInvalidation {
    /// An expression of SQL for the query of a page of `list`: the mark of an invalidation that is still to be done, or
    /// null. As a column of that query, called `pending`, it costs no round trip of its own.
    #[must_use]
    pub fn sql(list: &'static str) -> String {
        format!("(select mark from pending_invalidations where list = '{list}')")
    }

    /// Reads the column `pending` of any row.
    ///
    /// # Panics
    /// When there is no such column.
    #[must_use]
    pub fn from_row(row: &Row) -> Option<Self> {
        row.get::<_, Option<i64>>("pending").map(Self)
    }
}

impl Cache {
    /// Invalidates every page, or records that it is still to be done. Called after a write was committed and before
    /// its response is sent.
    pub async fn invalidate_or_record(&self, postgres: &Postgres) {
        let Err(error) = self.invalidate().await else { return };
        metrics::count(Metric::FailedInvalidations);
        tracing::error!(%error, "pages were not invalidated");
        if let Err(error) = self.record(postgres).await {
            tracing::error!(%error, "stale pages will be served until they expire");
        }
    }

    /// Does what failed: invalidates the pages, then deletes the record. In this order, so that a failure leaves the
    /// record.
    pub async fn repeat_invalidation(&self, postgres: &Postgres, pending: PendingInvalidation) {
        if let Err(error) = self.invalidate().await {
            tracing::warn!(%error, "pages are still not invalidated");
            return;
        }
        match self.delete_record(postgres, pending).await {
            Ok(()) => tracing::info!("a failed invalidation was repeated"),
            Err(error) => tracing::warn!(%error, "an invalidation will be repeated once more"),
        }
    }

    async fn record(&self, postgres: &Postgres) -> Result<(), Error> {
        const SQL: &str = "
            insert into pending_invalidations (list) values ($1)
            on conflict (list) do update set mark = default, noted_at = default";
        postgres.write(SQL, &[(&self.name, Type::TEXT)]).await.map(drop)
    }

    async fn delete_record(
        &self,
        postgres: &Postgres,
        PendingInvalidation(mark): PendingInvalidation,
    ) -> Result<(), Error> {
        const SQL: &str = "delete from pending_invalidations where list = $1 and mark = $2";
        postgres.write(SQL, &[(&self.name, Type::TEXT), (&mark, Type::INT8)]).await.map(drop)
    }
}
