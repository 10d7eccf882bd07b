//! Invalidations that failed: noted in the database, and made good by the next reader who misses a page.

use shared::stores::postgres::Error;
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::Store;

/// Asks for the mark of an invalidation that is yet to be made good; null if there is none. A part of the query of a
/// page, so that it costs no trip of its own.
pub(super) const PENDING: &str = "select mark from pending_invalidations where list = 'books'";

/// The mark of an invalidation that is yet to be made good.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pending(i64);

impl Pending {
    /// What a row says of it in the column `pending`.
    pub(super) fn of(row: &Row) -> Option<Self> {
        row.get::<_, Option<i64>>("pending").map(Self)
    }
}

impl Store {
    /// Forgets the cached pages. The write is committed: if Redis can't be told, that is noted, and the write is
    /// still answered as done.
    pub(super) async fn forget_pages(&self) {
        let Err(error) = self.cache.invalidate().await else { return };
        tracing::error!(%error, "pages were not invalidated");
        if let Err(error) = self.note_pending().await {
            tracing::error!(%error, "stale pages will stand until they expire");
        }
    }

    /// Makes good what failed: forgets the pages, then the note. In this order, so that a failure leaves the note.
    pub(super) async fn repair(&self, pending: Pending) {
        if let Err(error) = self.cache.invalidate().await {
            tracing::warn!(%error, "pages are still not invalidated");
            return;
        }
        match self.forget_pending(pending).await {
            Ok(()) => tracing::info!("a failed invalidation was made good"),
            Err(error) => tracing::warn!(%error, "an invalidation will be repeated"),
        }
    }

    /// Each note has a mark of its own: who makes one good must not wipe out a later one.
    async fn note_pending(&self) -> Result<(), Error> {
        const SQL: &str = "
            insert into pending_invalidations (list) values ('books')
            on conflict (list) do update set mark = default, noted_at = default";
        self.postgres.write(SQL, &[]).await.map(drop)
    }

    async fn forget_pending(&self, Pending(mark): Pending) -> Result<(), Error> {
        const SQL: &str = "delete from pending_invalidations where list = 'books' and mark = $1";
        self.postgres.write(SQL, &[(&mark, Type::INT8)]).await.map(drop)
    }
}
