//! The list of books: pages, through the cache.

use shared::cache::CachedPage;
use shared::http::{Error, Result};
use shared::stores::postgres::{self, Parameter};
use shared::validation::Text;
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::repair::Pending;
use super::{Store, book_from, select};
use crate::book::{Book, Year};
use crate::cursor::{Cursor, Key, Value};
use crate::listing::{Filter, Listing, Start};
use crate::page::Page;

impl Store {
    /// One page as JSON under its links, from the cache if it is there. Without Redis every page comes from Postgres.
    pub(crate) async fn page(&self, listing: &Listing) -> Result<CachedPage> {
        let query = async || {
            let page = self.query_page(listing).await?;
            let body = serde_json::to_vec(&page).expect("a page of books serialises");
            Ok(CachedPage::new(&page.links(listing), &body))
        };
        self.cache.read_through(&listing.cache_key(), query).await
    }

    async fn query_page(&self, listing: &Listing) -> Result<Page> {
        let key = self.cursor_key().await?;
        let place = Place::of(listing, key)?;
        let rows = self.select(listing, &place).await?;
        if let Some(pending) = rows.first().and_then(Pending::of) {
            self.repair(pending).await;
        }
        let total = rows.first().map_or(0, |row| row.get(0));
        // Past the last page there is one row, with the total and no book.
        let found = rows.iter().filter(|row| row.get::<_, Option<i64>>(1).is_some());
        let mut items: Vec<Book> = found.map(|row| book_from(row, 1)).collect();
        let more = items.len() > usize::from(listing.page_size);
        items.truncate(listing.page_size.into());
        let next =
            items.last().filter(|_| more).map(|last| Cursor::after(last, &listing.order, place.page + 1));
        let next_cursor = next.map(|cursor| cursor.seal(key, &listing.list()));
        Ok(Page { items, page: place.page, page_size: listing.page_size, total, next_cursor })
    }

    /// Counts and reads in one round trip.
    async fn select(&self, listing: &Listing, place: &Place) -> Result<Vec<Row>, postgres::Error> {
        let Filter { title_contains, author, year_from, year_to } = &listing.filter;
        let title = title_contains.as_ref().map(|part| format!("%{}%", escape_like(part.as_str())));
        let author = author.as_ref().map(Text::as_str);
        let years = [year_from, year_to].map(|year| year.map(|Year(year)| year));
        // One more than the page holds tells whether there is a page after it.
        let limit = i64::from(listing.page_size) + 1;
        let mut parameters: Vec<Parameter<'_>> = vec![
            (&title, Type::TEXT),
            (&author, Type::TEXT),
            (&years[0], Type::INT4),
            (&years[1], Type::INT4),
            (&limit, Type::INT8),
            (&place.skipped, Type::INT8),
        ];
        parameters.extend(place.after.iter().flatten().map(|value| match value {
            Value::Text(text) => (text as _, Type::TEXT),
            Value::Number(number) => (number as _, Type::INT8),
            Value::Null => (&None::<i64> as _, Type::INT8),
        }));
        self.postgres.read(&select::page(&listing.order, place.after.as_deref()), &parameters).await
    }

    /// What cursors are sealed with: made by a migration, so that every environment has the same key and nobody has
    /// to configure one. Read once.
    async fn cursor_key(&self) -> Result<&Key, postgres::Error> {
        const SQL: &str = "select key from cursor_key";
        let read = || async { self.postgres.read(SQL, &[]).await.map(|rows| Key::new(rows[0].get(0))) };
        self.cursor_key.get_or_try_init(read).await
    }
}

/// Where a page begins, for the statement that reads it.
struct Place {
    page: i64,
    after: Option<Vec<Value>>,
    skipped: i64,
}

impl Place {
    fn of(listing: &Listing, key: &Key) -> Result<Self> {
        match &listing.start {
            Start::Page(page) => {
                let skipped = (page - 1).saturating_mul(listing.page_size.into());
                Ok(Self { page: *page, after: None, skipped })
            }
            Start::Cursor(text) => {
                let cursor = Cursor::open(text.as_str(), key, &listing.list());
                let Cursor { page, after } =
                    cursor.ok_or_else(|| Error::invalid("cursor", "is not a cursor of this list"))?;
                Ok(Self { page, after: Some(after), skipped: 0 })
            }
        }
    }
}

/// `text` as a pattern that matches itself: `%`, `_` and `\` are literal.
fn escape_like(text: &str) -> String {
    text.replace('\\', r"\\").replace('%', r"\%").replace('_', r"\_")
}
