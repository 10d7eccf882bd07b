//! The query of a list: a filter, an order, and the page that is asked for.
//!
//! Two queries that mean the same, whatever the order of their parameters, have the same fingerprint. It names the list
//! in cursors, and together with the page in the cache.

use serde_json::json;
use shared::fingerprint::fingerprint;
use shared::validation::{Fields, FromField, FromFields, Raw, Text};
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::openapi::{RefOr, Required};
use utoipa::{IntoParams, PartialSchema};

use crate::book::Year;
use crate::order::{Direction, Order, SortBy};

/// The page where the client doesn't say.
const FIRST_PAGE: i64 = 1;
/// The books on a page where the client doesn't say.
const DEFAULT_PAGE_SIZE: u8 = 10;
const LARGEST_PAGE_SIZE: u8 = 100;

/// The longest cursor in characters, far more than any has.
const LONGEST_CURSOR: usize = 2048;

/// At most 200 code points on one line, which may be empty.
pub(crate) type TitlePart = Text<0, 200>;
/// At most 100 code points on one line, which may be empty.
pub(crate) type WholeAuthor = Text<0, 100>;

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
    Cursor(CursorText),
}

/// The conditions that a book must fulfil to be in the list: all that are given.
#[derive(Debug)]
pub(crate) struct Filter {
    pub(crate) title_contains: Option<TitlePart>,
    pub(crate) author: Option<WholeAuthor>,
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
            Start::Cursor(CursorText(text)) => [None, Some(text.to_string())],
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
        let years = years(fields);
        let sort_by = fields.optional::<SortBy>("sort_by");
        let sort_dir = fields.optional("sort_dir");
        let page = page?.map_or(FIRST_PAGE, |Page(page)| page);
        let [year_from, year_to] = years?;
        Some(Self {
            start: cursor?.map_or(Start::Page(page), Start::Cursor),
            page_size: page_size?.map_or(DEFAULT_PAGE_SIZE, |PageSize(size)| size),
            filter: Filter { title_contains: title_contains?, author: author?, year_from, year_to },
            order: Order::new(sort_by?.unwrap_or_default(), sort_dir?.unwrap_or(Direction::Ascending)),
        })
    }
}

/// The first and the last year, which may be the same. In the wrong order no book could match, and both are refused.
fn years(fields: &mut Fields) -> Option<[Option<Year>; 2]> {
    let (from, to) = (fields.optional("year_from"), fields.optional("year_to"));
    let years = [from?, to?];
    if let [Some(Year(first)), Some(Year(last))] = years
        && first > last
    {
        fields.refuse::<Year>("year_from", "must not be after year_to");
        return fields.refuse("year_to", "must not be before year_from");
    }
    Some(years)
}

/// The text of a cursor, not decoded yet.
#[derive(Debug)]
pub(crate) struct CursorText(pub(crate) Text<1, LONGEST_CURSOR>);

impl FromField for CursorText {
    fn from_field(raw: Raw) -> Result<Self, String> {
        Text::from_field(raw).map(Self)
    }
}

impl PartialSchema for CursorText {
    fn schema() -> RefOr<Schema> {
        // The alphabet of base64url. Other characters are refused when the cursor is decoded.
        let text = ObjectBuilder::new().schema_type(Type::String).pattern(Some("^[A-Za-z0-9_-]+$"));
        text.min_length(Some(1)).max_length(Some(LONGEST_CURSOR)).into()
    }
}

/// The number of a page, 1 or more.
struct Page(i64);

impl FromField for Page {
    fn from_field(raw: Raw) -> Result<Self, String> {
        let page = raw.integer()?;
        if page >= 1 { Ok(Self(page)) } else { Err("must be 1 or more".to_owned()) }
    }
}

impl PartialSchema for Page {
    fn schema() -> RefOr<Schema> {
        // Without a default, which generated clients would send along with a cursor.
        integer().minimum(Some(1)).maximum(Some(i64::MAX)).into()
    }
}

/// The number of books on a page, 1 to [`LARGEST_PAGE_SIZE`].
struct PageSize(u8);

impl FromField for PageSize {
    fn from_field(raw: Raw) -> Result<Self, String> {
        let size = u8::try_from(raw.integer()?).ok().filter(|size| (1..=LARGEST_PAGE_SIZE).contains(size));
        size.map(Self).ok_or_else(|| format!("must be from 1 to {LARGEST_PAGE_SIZE}"))
    }
}

impl PartialSchema for PageSize {
    fn schema() -> RefOr<Schema> {
        let size = integer().minimum(Some(1)).maximum(Some(LARGEST_PAGE_SIZE));
        size.default(Some(json!(DEFAULT_PAGE_SIZE))).into()
    }
}

fn integer() -> ObjectBuilder {
    let integer = ObjectBuilder::new().schema_type(Type::Integer);
    integer.format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
}

/// The parameters of `GET /books` in the `OpenAPI` description, with the bounds of the types that read them.
impl IntoParams for ListQuery {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let parameters = [
            parameter::<Page>("page").description(Some("The number of the page; 1 where there is no `cursor` either.")),
            parameter::<CursorText>("cursor").description(Some(
                "Where the page begins, instead of `page`: the `next_cursor` of the page before it, for the same \
                 filter and order. A page far down the list then costs no more than the first.",
            )),
            parameter::<PageSize>("page_size").description(Some("How many books a page has.")),
            parameter::<TitlePart>("title_contains")
                .description(Some("Part of the title, in any case: `darkness`.")),
            parameter::<WholeAuthor>("author")
                .description(Some("The whole author, in any case: `ursula k. le guin`.")),
            parameter::<Year>("year_from").description(Some("The first year, itself included.")),
            parameter::<Year>("year_to").description(Some("The last year, not before `year_from`.")),
            parameter::<SortBy>("sort_by")
                .description(Some(
                    "Columns in order of weight, as in `author:desc,title`: `id`, `title`, `author`, `year`, each at most \
                     once, and with `:asc` or `:desc` if need be. Text is in the order of its code points; books \
                     without a year come after all others, and first with `year:desc`.",
                )),
            parameter::<Direction>("sort_dir")
                .description(Some("The direction of parts of `sort_by` that name none.")),
        ];
        parameters.map(ParameterBuilder::build).into()
    }
}

fn parameter<T: PartialSchema>(name: &str) -> ParameterBuilder {
    let parameter = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Query);
    parameter.required(Required::False).schema(Some(T::schema()))
}
