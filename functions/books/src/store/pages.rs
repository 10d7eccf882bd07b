//! The list of books: pages, through the cache.

use serde::Serialize;
use shared::cache::{Lookup, Sealed};
use shared::postgres::Error;
use tokio_postgres::types::Type;
use utoipa::ToSchema;

use super::{Store, book_from};
use crate::book::{Book, Year};
use crate::listing::Listing;

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
    /// One page as JSON, from the cache if it is there. Without Redis every page comes from Postgres.
    pub(crate) async fn page(&self, listing: &Listing) -> Result<Sealed, Error> {
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
        let page = Sealed::new(&serde_json::to_vec(&page).expect("a page of books serialises"));
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

    /// The write is committed: if Redis can't be told, pages are stale until they expire, and the write is
    /// still answered as done.
    pub(super) async fn forget_pages(&self) {
        if let Err(error) = self.cache.forget_all().await {
            tracing::error!(%error, "pages were not invalidated");
        }
    }
}

/// `text` as a pattern that matches itself: `%`, `_` and `\` are literal.
fn escape_like(text: &str) -> String {
    text.replace('\\', r"\\").replace('%', r"\%").replace('_', r"\_")
}
