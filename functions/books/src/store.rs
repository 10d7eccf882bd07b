//! The SQL of books.

mod pages;
mod repair;
mod select;

use std::sync::Arc;

use shared::cache::Cache;
use shared::http::{self, IfMatch};
use shared::stores::idempotent_write::{self, IdempotencyToken, WriteOutcome};
use shared::stores::postgres::{Error, Parameter, Postgres};
use tokio::sync::OnceCell;
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use crate::book::{Author, Book, Description, Draft, Patch, Title, Version, Year};
use crate::cursor::Key;

/// Keeps books.
#[derive(Clone)]
pub(crate) struct Store {
    postgres: Postgres,
    cache: Cache,
    cursor_key: Arc<OnceCell<Key>>,
}

/// A book as it is kept.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) book: Book,
    pub(crate) version: Version,
}

/// What became of a conditional write.
#[derive(Debug)]
pub(crate) enum Outcome<T> {
    /// It is done.
    Done(T),
    /// The book is in another version.
    Changed,
    /// There is no such book.
    Absent,
}

impl<T> Outcome<T> {
    /// `existed` is how the book stood when the statement began. Without a condition only its absence, at the
    /// latest while the statement waited for somebody else's, can be why nothing was done.
    fn not_done(existed: bool, condition: &IfMatch) -> Self {
        if existed && condition.is_present() { Self::Changed } else { Self::Absent }
    }

    /// The result, or what the caller is told.
    pub(crate) fn done(self) -> http::Result<T> {
        match self {
            Self::Done(result) => Ok(result),
            Self::Changed => Err(http::Error::PreconditionFailed),
            Self::Absent => Err(http::Error::NotFound),
        }
    }
}

impl Store {
    pub(crate) fn new(postgres: Postgres, cache: Cache) -> Self {
        Self { postgres, cache, cursor_key: Arc::default() }
    }

    pub(crate) async fn find(&self, id: i64) -> Result<Option<Kept>, Error> {
        const SQL: &str = "select id, title, author, year, description, version from books where id = $1";
        let rows = self.postgres.read(SQL, &[(&id, Type::INT8)]).await?;
        Ok(rows.first().map(kept_from))
    }

    /// Keeps a new book, or finds the one that `ticket` stands for.
    pub(crate) async fn insert(
        &self,
        draft: &Draft,
        ticket: &IdempotencyToken,
    ) -> Result<Kept, idempotent_write::Error> {
        const SQL: &str = "
            with book as (
                insert into books (title, author, year, description)
                values ($1, $2, $3, $4)
                returning id, title, author, year, description, version
            ), signed as (
                insert into idempotent_writes (id, validation, resource_id)
                select $5, $6, id from book where $5 is not null
            )
            select id, title, author, year, description, version from book";
        let parameters: [Parameter<'_>; 4] = [
            (&draft.title.as_str(), Type::TEXT),
            (&draft.author.as_str(), Type::TEXT),
            (&draft.year.map(|Year(year)| year), Type::INT4),
            (&draft.description.as_ref().map(Description::as_str), Type::TEXT),
        ];
        let kept = match ticket.write(&self.postgres, SQL, &parameters).await? {
            WriteOutcome::Written(rows) => kept_from(&rows[0]),
            WriteOutcome::Replayed(id) => Kept { book: draft.as_created(id), version: Version::FIRST },
        };
        // Also for a book that was kept before: who kept it may have ended before this line.
        self.forget_pages().await;
        Ok(kept)
    }

    /// Changes a book, if it is in a version that `condition` permits: one statement, so that of parallel
    /// changes under one tag one happens.
    pub(crate) async fn update(
        &self,
        id: i64,
        patch: &Patch,
        condition: &IfMatch,
    ) -> Result<Outcome<Kept>, Error> {
        const SQL: &str = "
            with updated as (
                update books set
                    title = coalesce($3, title),
                    author = coalesce($4, author),
                    year = case when $5 then $6 else year end,
                    description = case when $7 then $8 else description end,
                    version = version + 1,
                    updated_at = now()
                where id = $1 and ($2::bigint[] is null or version = any($2))
                returning id, title, author, year, description, version
            )
            select updated.*, exists (select from books where id = $1)
            from (select) as always
            left join updated on true";
        let (year, description) = (patch.year.set(), patch.description.set());
        let parameters: [Parameter<'_>; 8] = [
            (&id, Type::INT8),
            (&versions(condition), Type::INT8_ARRAY),
            (&patch.title.set().map(Title::as_str), Type::TEXT),
            (&patch.author.set().map(Author::as_str), Type::TEXT),
            (&year.is_some(), Type::BOOL),
            (&year.copied().flatten().map(|Year(year)| year), Type::INT4),
            (&description.is_some(), Type::BOOL),
            (&description.and_then(Option::as_ref).map(Description::as_str), Type::TEXT),
        ];
        let rows = self.postgres.write(SQL, &parameters).await?;
        let row = &rows[0];
        if row.get::<_, Option<i64>>(0).is_some() {
            self.forget_pages().await;
            return Ok(Outcome::Done(kept_from(row)));
        }
        Ok(Outcome::not_done(row.get(6), condition))
    }

    /// Deletes a book, if it is in a version that `condition` permits.
    pub(crate) async fn delete(&self, id: i64, condition: &IfMatch) -> Result<Outcome<()>, Error> {
        const SQL: &str = "
            with deleted as (
                delete from books
                where id = $1 and ($2::bigint[] is null or version = any($2))
                returning id
            )
            select exists (select from deleted), exists (select from books where id = $1)";
        let parameters: [Parameter<'_>; 2] = [(&id, Type::INT8), (&versions(condition), Type::INT8_ARRAY)];
        let rows = self.postgres.write(SQL, &parameters).await?;
        if rows[0].get(0) {
            self.forget_pages().await;
            return Ok(Outcome::Done(()));
        }
        Ok(Outcome::not_done(rows[0].get(1), condition))
    }
}

/// Reads the columns `id, title, author, year, description`, the first of them at `first`.
fn book_from(row: &Row, first: usize) -> Book {
    Book {
        id: row.get(first),
        title: row.get(first + 1),
        author: row.get(first + 2),
        year: row.get(first + 3),
        description: row.get(first + 4),
    }
}

/// Reads the columns `id, title, author, year, description, version`.
fn kept_from(row: &Row) -> Kept {
    Kept { book: book_from(row, 0), version: Version(row.get(5)) }
}

/// The versions that `condition` names; `None` where any will do.
fn versions(condition: &IfMatch) -> Option<Vec<i64>> {
    let tags = condition.named()?;
    Some(tags.into_iter().filter_map(Version::named_by).map(|Version(version)| version).collect())
}
