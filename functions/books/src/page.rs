//! One page of a list as it is answered, with links to the other pages (RFC 8288).

use serde::Serialize;
use utoipa::ToSchema;

use crate::book::Book;
use crate::list_query::{ListQuery, Start};

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
// The published name, which generated clients know: it stays when the type is renamed.
#[schema(as = BookPage)]
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

/// The most that the value of `Link` may take, in bytes. All headers of a response together stay below 8 KiB then, and
/// API Gateway carries 10,240 bytes. The longest single link, with a cursor and a filter of the longest texts, is
/// shorter.
const LONGEST_LINKS: usize = 6 * 1024;

impl Page {
    /// The value of `Link` (RFC 8288): the first page, the last, the next one by cursor, and, for a client that counts
    /// pages, the one before. The targets are relative to the request's own address (RFC 3986 §4.2), so they hold
    /// whatever host and stage it was sent to. Where they are too long together, those that a client misses least are
    /// left out.
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
        for dispensable in ["last", "prev", "first", "next"] {
            let length: usize = links.iter().map(|(_, link)| link.len() + ", ".len()).sum();
            if length <= LONGEST_LINKS {
                break;
            }
            links.retain(|(relation, _)| *relation != dispensable);
        }
        links.into_iter().map(|(_, link)| link).collect::<Vec<_>>().join(", ")
    }
}

/// A relation and the link that has it.
type Link = (&'static str, String);

fn numbered(query: &ListQuery, page: i64, relation: &'static str) -> Link {
    link(query, ("page", &page.to_string()), relation)
}

fn link(query: &ListQuery, start: (&str, &str), relation: &'static str) -> Link {
    (relation, format!("<{}>; rel=\"{relation}\"", query.relative_reference(start)))
}
