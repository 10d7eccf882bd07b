//! The query of a list: a filter, an order, and the page that is asked for.
//!
//! Two queries that mean the same, whatever the order of their parameters, have the same fingerprint. It names the list
//! in cursors, and together with the page in the cache.

use shared::fingerprint::fingerprint;
use shared::validation::{Fields, FromField, FromFields, Raw, Text};
use utoipa::IntoParams;

use crate::book::Year;
use crate::order::{Direction, Order, SortBy};

/// The books on a page where the client doesn't say.
const DEFAULT_PAGE_SIZE: u8 = 10;
const LARGEST_PAGE_SIZE: u8 = 100;

/// A request for one page of books.
#[derive(Debug)]
pub(crate) struct ListQuery {
    pub(crate) start: Start,
    pub(crate) page_size: u8,
    pub(crate) filter: Filter,
    pub(crate) order: Order,
}

/// Where a page begins.
#[derive(Debug)]
pub(crate) enum Start {
    /// After as many books as the pages before it hold; the first page is 1.
    Page(i64),
    /// At the position of this cursor. It is decoded only when the database is asked: the text is part of a cached
    /// page's key, so a hit needs no more.
    Cursor(Text<1, 2048>),
}

/// The conditions that a book must fulfil to be in the list: all that are given.
#[derive(Debug)]
pub(crate) struct Filter {
    pub(crate) title_contains: Option<Text<0, 200>>,
    pub(crate) author: Option<Text<0, 100>>,
    pub(crate) year_from: Option<Year>,
    pub(crate) year_to: Option<Year>,
}

impl Filter {
    /// The parameters of a query that make this filter.
    fn parameters(&self) -> [(&'static str, Option<String>); 4] {
        let year = |year: Option<Year>| year.map(|Year(year)| year.to_string());
        [
            ("title_contains", self.title_contains.as_ref().map(ToString::to_string)),
            ("author", self.author.as_ref().map(ToString::to_string)),
            ("year_from", year(self.year_from)),
            ("year_to", year(self.year_to)),
        ]
    }
}

impl ListQuery {
    /// The fingerprint of the filter and the order: the same for every way to ask for this list.
    pub(crate) fn list_fingerprint(&self) -> String {
        let order = self.order.to_string();
        let filter = self.filter.parameters();
        fingerprint(filter.iter().map(|(_, value)| value.as_deref()).chain([Some(order.as_str())]))
    }

    /// The key of this page in the cache.
    pub(crate) fn cache_key(&self) -> String {
        let page = match &self.start {
            Start::Page(page) => [Some(page.to_string()), None],
            Start::Cursor(cursor) => [None, Some(cursor.to_string())],
        };
        let rest = [Some(self.page_size.to_string()), Some(self.list_fingerprint())];
        fingerprint(page.iter().chain(&rest).map(Option::as_deref))
    }

    /// A reference to another page of the same list (RFC 3986 §4.2): a query alone, relative to this page's address.
    pub(crate) fn relative_reference(&self, start: (&str, &str)) -> String {
        let mut query = form_urlencoded::Serializer::for_suffix("?".to_owned(), 1);
        query.append_pair(start.0, start.1);
        query.append_pair("page_size", &self.page_size.to_string());
        for (name, value) in self.filter.parameters() {
            query.extend_pairs(value.map(|value| (name, value)));
        }
        query.append_pair("sort_by", &self.order.to_string());
        query.finish()
    }
}

impl FromFields for ListQuery {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let cursor = fields.optional("cursor");
        let mut page = fields.optional("page");
        if let (Some(Some(_)), Some(Some(_))) = (&cursor, &page) {
            page = fields.refuse("page", "must not be sent with a cursor, which says where the page begins");
        }
        let page_size = fields.optional("page_size");
        let title_contains = fields.optional("title_contains");
        let author = fields.optional("author");
        let year_from = fields.optional("year_from");
        let year_to = fields.optional("year_to");
        let sort_by = fields.optional::<SortBy>("sort_by");
        let sort_dir = fields.optional("sort_dir");
        let page = page?.map_or(1, |Page(page)| page);
        Some(Self {
            start: cursor?.map_or(Start::Page(page), Start::Cursor),
            page_size: page_size?.map_or(DEFAULT_PAGE_SIZE, |PageSize(size)| size),
            filter: Filter {
                title_contains: title_contains?,
                author: author?,
                year_from: year_from?,
                year_to: year_to?,
            },
            order: Order::new(sort_by?.unwrap_or_default(), sort_dir?.unwrap_or(Direction::Ascending)),
        })
    }
}

struct Page(i64);

impl FromField for Page {
    fn from_field(raw: Raw) -> Result<Self, String> {
        let page = raw.integer()?;
        if page >= 1 { Ok(Self(page)) } else { Err("must be 1 or more".to_owned()) }
    }
}

struct PageSize(u8);

impl FromField for PageSize {
    fn from_field(raw: Raw) -> Result<Self, String> {
        let size = u8::try_from(raw.integer()?).ok().filter(|size| (1..=LARGEST_PAGE_SIZE).contains(size));
        size.map(Self).ok_or_else(|| format!("must be from 1 to {LARGEST_PAGE_SIZE}"))
    }
}

/// The parameters of `GET /books` for the `OpenAPI` document; [`ListQuery`] reads them.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "read by the OpenAPI generator alone")]
pub(crate) struct ListQueryParameters {
    #[param(minimum = 1, maximum = 9_223_372_036_854_775_807_i64, default = 1)]
    page: Option<i64>,
    /// Where the page begins, instead of `page`: the `next_cursor` of the page before it, for the same filter and
    /// order. A page far down the list then costs no more than the first.
    #[param(min_length = 1, max_length = 2048, pattern = "^[A-Za-z0-9_-]+$")]
    cursor: Option<String>,
    #[param(minimum = 1, maximum = 100, default = 10)]
    page_size: Option<i64>,
    /// Part of the title, in any case.
    #[param(max_length = 200, pattern = "^[^\\u0000-\\u001f]*$", example = "darkness")]
    title_contains: Option<String>,
    /// The whole author, in any case.
    #[param(max_length = 100, pattern = "^[^\\u0000-\\u001f]*$", example = "ursula k. le guin")]
    author: Option<String>,
    #[param(minimum = 0, maximum = 2100)]
    year_from: Option<i32>,
    #[param(minimum = 0, maximum = 2100)]
    year_to: Option<i32>,
    /// Columns in order of weight: `id`, `title`, `author`, `year`, each at most
    /// once, and with `:asc` or `:desc` if need be. Text is in the order of its code points; books without a year come
    /// after all others, and first with `year:desc`.
    #[param(
        pattern = "^(?!.*\\b(id|title|author|year)\\b.*\\b\\1\\b)(id|title|author|year)(:(asc|desc))?(,(id|title|author|year)(:(asc|desc))?)*$",
        example = "author:desc,title"
    )]
    sort_by: Option<String>,
    /// The direction of parts of `sort_by` that name none.
    #[param(inline)]
    sort_dir: Option<Direction>,
}
