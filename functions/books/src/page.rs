//! One page of a list as it is answered, with links to the other pages (RFC 8288).

use serde::Serialize;
use utoipa::ToSchema;

use crate::book::Book;
use crate::list_query::{ListQuery, Start};

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Page {
    pub(crate) items: Vec<Book>,
    #[schema(minimum = 1, example = 1)]
    pub(crate) page: i64,
    #[schema(minimum = 1, maximum = 100, example = 10)]
    pub(crate) page_size: u8,
    /// How many books match, over all pages.
    #[schema(minimum = 0, example = 1)]
    pub(crate) total: i64,
    /// The `cursor` of the page after this one; null on the last.
    pub(crate) next_cursor: Option<String>,
}

impl Page {
    /// The value of `Link` (RFC 8288): the first page, the last, the next one by cursor, and, for a client that counts
    /// pages, the one before. The targets are relative to the request's own address (RFC 3986 §4.2), so they hold
    /// whatever host and stage it was sent to.
    pub(crate) fn links(&self, query: &ListQuery) -> String {
        let size = i64::from(self.page_size);
        // Rounded up; an empty list has one page.
        let last = (self.total.max(1) - 1) / size + 1;
        let mut links = vec![numbered(query, 1, "first"), numbered(query, last, "last")];
        if matches!(query.start, Start::Page(page) if page > 1) {
            links.push(numbered(query, last.min(self.page - 1), "prev"));
        }
        if let Some(cursor) = &self.next_cursor {
            links.push(link(query, ("cursor", cursor), "next"));
        }
        links.join(", ")
    }
}

fn numbered(query: &ListQuery, page: i64, relation: &str) -> String {
    link(query, ("page", &page.to_string()), relation)
}

fn link(query: &ListQuery, start: (&str, &str), relation: &str) -> String {
    format!("<{}>; rel=\"{relation}\"", query.relative_reference(start))
}
