//! The pages of lists, through the cache.
//!
//! A page that is not cached costs one statement, which counts the books of the list and reads those of the page. It
//! also reads whether an invalidation of the cache failed earlier; then this reader repeats it.

use shared::cache::pending_invalidation::PendingInvalidation;
use shared::cache::{CachedPage, Lookup, MissedPage};
use shared::stores::postgres::{self, Parameter};
use shared::validation::Text;
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::handle::Store;
use super::row::book_at;
use super::select;
use crate::book::{Book, Year};
use crate::cursor::{Cursor, Key, Value};
use crate::list_query::{CursorText, Filter, ListQuery, Start};
use crate::page::Page;

/// Why there is no page.
#[derive(Debug)]
pub(crate) enum PageError {
    /// The query's cursor is forged, damaged, or of another list.
    InvalidCursor,
    /// The database gave no answer, or refused.
    Postgres(postgres::Error),
}

impl From<postgres::Error> for PageError {
    fn from(error: postgres::Error) -> Self {
        Self::Postgres(error)
    }
}

impl Store {
    /// Looks a page of a list up in the cache.
    pub(crate) async fn look_up_page(&self, query: &ListQuery) -> Lookup {
        self.cache.look_up(&query.cache_key()).await
    }

    /// A page that was not cached, as JSON under its links: from Postgres, or from a reader who is querying it already.
    /// Without Redis every page comes from Postgres.
    pub(crate) async fn fetch_page(
        &self,
        query: &ListQuery,
        missed: MissedPage,
    ) -> Result<CachedPage, PageError> {
        let fetch = async || {
            let page = self.query_page(query).await?;
            let body = serde_json::to_vec(&page).expect("a page of books serialises");
            Ok(CachedPage::new(&page.links(query), &body))
        };
        self.cache.fill(missed, fetch).await
    }

    async fn query_page(&self, query: &ListQuery) -> Result<Page, PageError> {
        let key = self.cursor_key().await?;
        let position = Position::of(query, key).ok_or(PageError::InvalidCursor)?;
        let rows = self.select(query, &position).await?;
        if let Some(pending) = rows.first().and_then(PendingInvalidation::from_row) {
            self.cache.repeat_invalidation(&self.postgres, pending).await;
        }
        let total = rows.first().map_or(0, |row| row.get(0));
        // Past the last page there is one row, with the total and no book.
        let found = rows.iter().filter(|row| row.get::<_, Option<i64>>(1).is_some());
        let mut items: Vec<Book> = found.map(|row| book_at(row, 1)).collect();
        let more = items.len() > usize::from(query.page_size);
        items.truncate(query.page_size.into());
        let last = items.last().filter(|_| more);
        let next = last.map(|last| Cursor::after(last, &query.order, position.page + 1));
        let next_cursor = next.map(|cursor| cursor.encode(key, &query.list_fingerprint()));
        Ok(Page { items, page: position.page, page_size: query.page_size, total, next_cursor })
    }

    /// Counts and reads in one round trip.
    async fn select(&self, query: &ListQuery, position: &Position) -> Result<Vec<Row>, postgres::Error> {
        let Filter { title_contains, author, year_from, year_to } = &query.filter;
        let title = title_contains.as_ref().map(|part| format!("%{}%", escape_like(part.as_str())));
        let author = author.as_ref().map(Text::as_str);
        let years = [year_from, year_to].map(|year| year.map(|Year(year)| year));
        // One more than the page holds tells whether there is a page after it.
        let limit = i64::from(query.page_size) + 1;
        let mut parameters: Vec<Parameter<'_>> = vec![
            (&title, Type::TEXT),
            (&author, Type::TEXT),
            (&years[0], Type::INT4),
            (&years[1], Type::INT4),
            (&limit, Type::INT8),
            (&position.skipped, Type::INT8),
        ];
        parameters.extend(position.after.iter().flatten().map(|value| match value {
            Value::Text(text) => (text as _, Type::TEXT),
            Value::Number(number) => (number as _, Type::INT8),
            Value::Null => (&None::<i64> as _, Type::INT8),
        }));
        self.postgres
            .read(&select::page_statement(&query.order, position.after.as_deref()), &parameters)
            .await
    }

    /// The key that authenticates cursors. A migration made it, so every execution environment has the same one and
    /// nobody has to configure it. Read once.
    async fn cursor_key(&self) -> Result<&Key, postgres::Error> {
        const SQL: &str = "select key from cursor_key";
        let read = || async { self.postgres.read(SQL, &[]).await.map(|rows| Key::new(rows[0].get(0))) };
        self.cursor_key.get_or_try_init(read).await
    }
}

/// The beginning of a page, for the statement that reads it.
struct Position {
    page: i64,
    /// The sort values of the last book before the page.
    after: Option<Vec<Value>>,
    /// The number of books to skip.
    skipped: i64,
}

impl Position {
    /// `None` if the query's cursor is invalid.
    fn of(query: &ListQuery, key: &Key) -> Option<Self> {
        match &query.start {
            Start::Page(page) => {
                let skipped = (page - 1).saturating_mul(query.page_size.into());
                Some(Self { page: *page, after: None, skipped })
            }
            Start::Cursor(CursorText(text)) => {
                let Cursor { page, after } = Cursor::decode(text.as_str(), key, &query.list_fingerprint())?;
                Some(Self { page, after: Some(after), skipped: 0 })
            }
        }
    }
}

/// `text` as a pattern that matches itself: `%`, `_` and `\` are literal.
fn escape_like(text: &str) -> String {
    text.replace('\\', r"\\").replace('%', r"\%").replace('_', r"\_")
}
