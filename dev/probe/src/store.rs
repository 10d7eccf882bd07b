//! The SQL of notes.

use shared::cache::pending_invalidation::PendingInvalidation;
use shared::cache::{Cache, CachedPage, Lookup, MissedPage};
use shared::stores::idempotent_write::{self, IdempotencyToken, WriteOutcome};
use shared::stores::postgres::{Error, Parameter, Postgres};
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use crate::note::{NewNote, Note, NoteText, Page, PageNumber};

/// The name of the lists in the cache.
pub(crate) const LIST: &str = "notes";

/// Stores notes in Postgres, and pages of them in the cache.
#[derive(Clone)]
pub(crate) struct Store {
    postgres: Postgres,
    cache: Cache,
}

impl Store {
    pub(crate) fn new(postgres: Postgres, cache: Cache) -> Self {
        Self { postgres, cache }
    }

    /// Looks a page up in the cache.
    pub(crate) async fn look_up_page(&self, PageNumber(number): &PageNumber) -> Lookup {
        self.cache.look_up(&number.to_string()).await
    }

    /// A page that was not cached, and whether an invalidation failed earlier, which is then repeated.
    pub(crate) async fn fetch_page(
        &self,
        PageNumber(number): &PageNumber,
        missed: MissedPage,
    ) -> Result<CachedPage, Error> {
        let sql = format!(
            "select (select count(*) from probe_notes), page.*, {} as pending
            from (select) as always
            left join (select id, text from probe_notes order by id offset $1 limit 10) as page on true",
            PendingInvalidation::sql(LIST)
        );
        let skipped = (number - 1).saturating_mul(10);
        let fetch = async || {
            let rows = self.postgres.read(&sql, &[(&skipped, Type::INT8)]).await?;
            if let Some(pending) = PendingInvalidation::from_row(&rows[0]) {
                self.cache.repeat_invalidation(&self.postgres, pending).await;
            }
            let items = rows.iter().filter(|row| row.get::<_, Option<i64>>(1).is_some());
            let items = items.map(|row| note_at(row, 1)).collect();
            let page = Page { items, total: rows[0].get(0) };
            Ok(CachedPage::new("", &serde_json::to_vec(&page).expect("a page of notes serialises")))
        };
        self.cache.fill(missed, fetch).await
    }

    /// Inserts a note, or finds the one that an earlier request with the same idempotency token inserted.
    pub(crate) async fn insert(
        &self,
        NewNote { text }: &NewNote,
        token: &IdempotencyToken,
    ) -> Result<Note, idempotent_write::Error> {
        const SQL: &str = "
            with note as (
                insert into probe_notes (text) values ($1) returning id
            ), recorded as (
                insert into idempotent_writes (id, validation, resource_id)
                select $2, $3, id from note where $2 is not null
            )
            select id from note";
        let parameters: [Parameter<'_>; 1] = [(&text.as_str(), Type::TEXT)];
        let id = match token.write(&self.postgres, SQL, &parameters).await? {
            WriteOutcome::Written(rows) => rows[0].get(0),
            WriteOutcome::Replayed(id) => id,
        };
        self.cache.invalidate_or_record(&self.postgres).await;
        Ok(Note { id, text: text.as_str().to_owned() })
    }

    /// The note with this id.
    pub(crate) async fn find(&self, id: i64) -> Result<Option<Note>, Error> {
        const SQL: &str = "select id, text from probe_notes where id = $1";
        let rows = self.postgres.read(SQL, &[(&id, Type::INT8)]).await?;
        Ok(rows.first().map(|row| note_at(row, 0)))
    }

    /// Changes the text of a note.
    pub(crate) async fn update(&self, id: i64, text: &NoteText) -> Result<Option<Note>, Error> {
        const SQL: &str = "update probe_notes set text = $2 where id = $1 returning id, text";
        let rows = self.postgres.write(SQL, &[(&id, Type::INT8), (&text.as_str(), Type::TEXT)]).await?;
        let note = rows.first().map(|row| note_at(row, 0));
        if note.is_some() {
            self.cache.invalidate_or_record(&self.postgres).await;
        }
        Ok(note)
    }

    /// Deletes a note. Returns whether it was there.
    pub(crate) async fn delete(&self, id: i64) -> Result<bool, Error> {
        const SQL: &str = "delete from probe_notes where id = $1 returning id";
        let deleted = !self.postgres.write(SQL, &[(&id, Type::INT8)]).await?.is_empty();
        if deleted {
            self.cache.invalidate_or_record(&self.postgres).await;
        }
        Ok(deleted)
    }
}

/// Reads the columns `id, text`, the first of them at `first`.
fn note_at(row: &Row, first: usize) -> Note {
    Note { id: row.get(first), text: row.get(first + 1) }
}
