//! The SQL of books, and the cached pages of their list.

use bytes::Bytes;
use serde::Serialize;
use shared::cache::{Cache, Lookup};
use shared::postgres::{Error, Postgres};
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use utoipa::ToSchema;

use crate::book::{Author, Book, Description, Draft, Patch, Title, Year};
use crate::listing::Listing;

/// Keeps books.
#[derive(Clone)]
pub(crate) struct Store {
    postgres: Postgres,
    cache: Cache,
}

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Page {
    items: Vec<Book>,
    #[schema(minimum = 1, example = 1)]
    page: i64,
    #[schema(minimum = 1, maximum = 100, example = 10)]
    page_size: i64,
    /// How many books match, over all pages.
    #[schema(minimum = 0, example = 1)]
    total: i64,
}

impl Store {
    pub(crate) fn new(postgres: Postgres, cache: Cache) -> Self {
        Self { postgres, cache }
    }

    /// One page as JSON, from the cache if it is there. Without Redis every page comes from Postgres.
    pub(crate) async fn page(&self, listing: &Listing) -> Result<Bytes, Error> {
        let key = listing.cache_key();
        let version = match self.cache.read(&key).await {
            Ok(Lookup::Hit(page)) => return Ok(page),
            Ok(Lookup::Miss(version)) => Some(version),
            Err(error) => {
                tracing::warn!(%error, "a list is served without the cache");
                None
            }
        };
        let page = self.query_page(listing).await?;
        let page = Bytes::from(serde_json::to_vec(&page).expect("a page of books serialises"));
        if let Some(version) = version
            && let Err(error) = self.cache.store(&key, version, &page).await
        {
            tracing::warn!(%error, "a page was not cached");
        }
        Ok(page)
    }

    /// Counts and reads in one round trip. Values reach the planner with the statement, so it drops the
    /// filters that are null.
    async fn query_page(&self, listing: &Listing) -> Result<Page, Error> {
        let order = |prefix: &str| {
            let parts = listing
                .order
                .iter()
                .map(|(column, direction)| format!("{prefix}{} {}", column.name(), direction.name()));
            parts.collect::<Vec<_>>().join(", ")
        };
        let sql = format!(
            "with matching as (
                select id, title, author, year, description
                from books
                where ($1::text is null or title ilike $1)
                  and ($2::text is null or lower(author) = lower($2))
                  and ($3::integer is null or year >= $3)
                  and ($4::integer is null or year <= $4)
            ), page as (
                select * from matching order by {} limit $5 offset $6
            )
            select (select count(*) from matching), page.*
            from (select) as always
            left join page on true
            order by {}",
            order(""),
            order("page."),
        );
        let title = listing.title_contains.as_ref().map(|part| format!("%{}%", escape_like(part.as_str())));
        let author = listing.author.as_ref().map(ToString::to_string);
        let years = [listing.year_from, listing.year_to].map(|year| year.map(|Year(year)| year));
        let offset = (listing.page - 1).saturating_mul(listing.page_size);
        let rows = self
            .postgres
            .read(
                &sql,
                &[
                    (&title, Type::TEXT),
                    (&author, Type::TEXT),
                    (&years[0], Type::INT4),
                    (&years[1], Type::INT4),
                    (&listing.page_size, Type::INT8),
                    (&offset, Type::INT8),
                ],
            )
            .await?;
        let total = rows.first().map_or(0, |row| row.get(0));
        // Past the last page there is one row, with the total and no book.
        let books = rows.iter().filter(|row| row.get::<_, Option<i64>>(1).is_some());
        let items = books.map(|row| book_from(row, 1)).collect();
        Ok(Page { items, page: listing.page, page_size: listing.page_size, total })
    }

    pub(crate) async fn find(&self, id: i64) -> Result<Option<Book>, Error> {
        const SQL: &str = "select id, title, author, year, description from books where id = $1";
        let rows = self.postgres.read(SQL, &[(&id, Type::INT8)]).await?;
        Ok(rows.first().map(|row| book_from(row, 0)))
    }

    pub(crate) async fn insert(&self, draft: &Draft) -> Result<Book, Error> {
        const SQL: &str = "
            insert into books (title, author, year, description)
            values ($1, $2, $3, $4)
            returning id, title, author, year, description";
        let year = draft.year.map(|Year(year)| year);
        let description = draft.description.as_ref().map(Description::as_str);
        let rows = self
            .postgres
            .write(
                SQL,
                &[
                    (&draft.title.as_str(), Type::TEXT),
                    (&draft.author.as_str(), Type::TEXT),
                    (&year, Type::INT4),
                    (&description, Type::TEXT),
                ],
            )
            .await?;
        let book = book_from(&rows[0], 0);
        self.forget_pages().await;
        Ok(book)
    }

    pub(crate) async fn update(&self, id: i64, patch: &Patch) -> Result<Option<Book>, Error> {
        const SQL: &str = "
            update books set
                title = coalesce($2, title),
                author = coalesce($3, author),
                year = case when $4 then $5 else year end,
                description = case when $6 then $7 else description end,
                updated_at = now()
            where id = $1
            returning id, title, author, year, description";
        let title = patch.title.set().map(Title::as_str);
        let author = patch.author.set().map(Author::as_str);
        let year = patch.year.set();
        let description = patch.description.set();
        let rows = self
            .postgres
            .write(
                SQL,
                &[
                    (&id, Type::INT8),
                    (&title, Type::TEXT),
                    (&author, Type::TEXT),
                    (&year.is_some(), Type::BOOL),
                    (&year.copied().flatten().map(|Year(year)| year), Type::INT4),
                    (&description.is_some(), Type::BOOL),
                    (&description.and_then(Option::as_ref).map(Description::as_str), Type::TEXT),
                ],
            )
            .await?;
        let book = rows.first().map(|row| book_from(row, 0));
        if book.is_some() {
            self.forget_pages().await;
        }
        Ok(book)
    }

    /// Whether there was such a book.
    pub(crate) async fn delete(&self, id: i64) -> Result<bool, Error> {
        const SQL: &str = "delete from books where id = $1 returning id";
        let deleted = !self.postgres.write(SQL, &[(&id, Type::INT8)]).await?.is_empty();
        if deleted {
            self.forget_pages().await;
        }
        Ok(deleted)
    }

    /// The write is committed: if Redis can't be told, pages are stale until they expire, and the write is
    /// still answered as done.
    async fn forget_pages(&self) {
        if let Err(error) = self.cache.forget_all().await {
            tracing::error!(%error, "pages were not invalidated");
        }
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

/// `text` as a pattern that matches itself: `%`, `_` and `\` are literal.
fn escape_like(text: &str) -> String {
    text.replace('\\', r"\\").replace('%', r"\%").replace('_', r"\_")
}
