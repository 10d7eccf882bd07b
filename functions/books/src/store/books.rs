//! The SQL of single books: find, insert, update, delete. Each is one statement, and a write that was committed
//! invalidates the cached pages of lists before the request gets its response.

use shared::stores::idempotent_write::{self, IdempotencyToken, WriteOutcome};
use shared::stores::postgres::{Error, Parameter};
use tokio_postgres::types::Type;

use super::handle::Store;
use super::row::stored_book;
use crate::book::{
    Author, BookUpdate, Description, ExpectedVersions, NewBook, StoredBook, Title, Version, Year,
};

/// The result of a write on the condition that the book is in a certain version.
#[derive(Debug)]
pub(crate) enum Conditional<T> {
    /// The book was in a version that was expected, and the write is done.
    Done(T),
    /// There is no such book.
    NotFound,
    /// The book is in another version, and nothing was written.
    VersionMismatch,
}

impl<T> Conditional<T> {
    /// Why nothing was written; `existed` is whether the book was there when the statement began.
    ///
    /// Without a condition the reason is always that there is no book: one that existed was deleted while the
    /// statement waited for its row.
    fn not_done(existed: bool, expected: &ExpectedVersions) -> Self {
        if existed && *expected != ExpectedVersions::Unconditional {
            Self::VersionMismatch
        } else {
            Self::NotFound
        }
    }
}

impl Store {
    /// The book with this id.
    pub(crate) async fn find(&self, id: i64) -> Result<Option<StoredBook>, Error> {
        const SQL: &str = "select id, title, author, year, description, version from books where id = $1";
        let rows = self.postgres.read(SQL, &[(&id, Type::INT8)]).await?;
        Ok(rows.first().map(stored_book))
    }

    /// Inserts a book, or finds the one that an earlier request with the same idempotency token inserted.
    pub(crate) async fn insert(
        &self,
        new_book: &NewBook,
        token: &IdempotencyToken,
    ) -> Result<StoredBook, idempotent_write::Error> {
        const SQL: &str = "
            with book as (
                insert into books (title, author, year, description)
                values ($1, $2, $3, $4)
                returning id, title, author, year, description, version
            ), recorded as (
                insert into idempotent_writes (id, validation, resource_id)
                select $5, $6, id from book where $5 is not null
            )
            select id, title, author, year, description, version from book";
        let parameters: [Parameter<'_>; 4] = [
            (&new_book.title.as_str(), Type::TEXT),
            (&new_book.author.as_str(), Type::TEXT),
            (&new_book.year.map(|Year(year)| year), Type::INT4),
            (&new_book.description.as_ref().map(Description::as_str), Type::TEXT),
        ];
        let stored = match token.write(&self.postgres, SQL, &parameters).await? {
            WriteOutcome::Written(rows) => stored_book(&rows[0]),
            WriteOutcome::Replayed(id) => {
                StoredBook { book: new_book.as_created(id), version: Version::FIRST }
            }
        };
        // Also for a book that was inserted earlier: that request may have ended before this line.
        self.cache.invalidate_or_record(&self.postgres).await;
        Ok(stored)
    }

    /// Changes a book, if it is in a version that `expected` permits: of parallel changes that expect one version, one
    /// happens.
    pub(crate) async fn update(
        &self,
        id: i64,
        update: &BookUpdate,
        expected: &ExpectedVersions,
    ) -> Result<Conditional<StoredBook>, Error> {
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
        let (year, description) = (update.year.set(), update.description.set());
        let parameters: [Parameter<'_>; 8] = [
            (&id, Type::INT8),
            (&numbers(expected), Type::INT8_ARRAY),
            (&update.title.set().map(Title::as_str), Type::TEXT),
            (&update.author.set().map(Author::as_str), Type::TEXT),
            (&year.is_some(), Type::BOOL),
            (&year.copied().flatten().map(|Year(year)| year), Type::INT4),
            (&description.is_some(), Type::BOOL),
            (&description.and_then(Option::as_ref).map(Description::as_str), Type::TEXT),
        ];
        let rows = self.postgres.write(SQL, &parameters).await?;
        let row = &rows[0];
        if row.get::<_, Option<i64>>(0).is_some() {
            self.cache.invalidate_or_record(&self.postgres).await;
            return Ok(Conditional::Done(stored_book(row)));
        }
        Ok(Conditional::not_done(row.get(6), expected))
    }

    /// Deletes a book, if it is in a version that `expected` permits.
    pub(crate) async fn delete(
        &self,
        id: i64,
        expected: &ExpectedVersions,
    ) -> Result<Conditional<()>, Error> {
        const SQL: &str = "
            with deleted as (
                delete from books
                where id = $1 and ($2::bigint[] is null or version = any($2))
                returning id
            )
            select exists (select from deleted), exists (select from books where id = $1)";
        let parameters: [Parameter<'_>; 2] = [(&id, Type::INT8), (&numbers(expected), Type::INT8_ARRAY)];
        let rows = self.postgres.write(SQL, &parameters).await?;
        if rows[0].get(0) {
            self.cache.invalidate_or_record(&self.postgres).await;
            return Ok(Conditional::Done(()));
        }
        Ok(Conditional::not_done(rows[0].get(1), expected))
    }
}

/// The versions for a statement to compare with; `None` where any will do.
fn numbers(expected: &ExpectedVersions) -> Option<Vec<i64>> {
    match expected {
        ExpectedVersions::Unconditional | ExpectedVersions::AnyExisting => None,
        ExpectedVersions::OneOf(versions) => Some(versions.iter().map(|Version(number)| *number).collect()),
    }
}
