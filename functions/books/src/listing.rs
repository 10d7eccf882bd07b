//! Which books a list shows, and in what order.

use shared::fields::{Fields, FromField, FromFields, Raw, Text};
use shared::fingerprint::fingerprint;
use utoipa::IntoParams;

use crate::book::Year;

/// Books on a page where the caller doesn't say.
const DEFAULT_PAGE_SIZE: i64 = 10;
const LARGEST_PAGE_SIZE: i64 = 100;

/// A request for one page of books.
#[derive(Debug)]
pub(crate) struct Listing {
    pub(crate) page: i64,
    pub(crate) page_size: i64,
    pub(crate) title_contains: Option<Text<0, 200>>,
    pub(crate) author: Option<Text<0, 100>>,
    pub(crate) year_from: Option<Year>,
    pub(crate) year_to: Option<Year>,
    /// Never twice the same column, and `id` last, so that the order is total.
    pub(crate) order: Vec<(Column, Direction)>,
}

/// What a list may be sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Column {
    Id,
    Title,
    Author,
    Year,
}

/// Which end of a sorted list comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Ascending,
    Descending,
}

impl Column {
    /// The column's name, in the query and in SQL.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Title => "title",
            Self::Author => "author",
            Self::Year => "year",
        }
    }

    fn named(name: &str) -> Option<Self> {
        [Self::Id, Self::Title, Self::Author, Self::Year].into_iter().find(|column| column.name() == name)
    }
}

impl Direction {
    /// The direction's name, in the query and in SQL.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ascending => "asc",
            Self::Descending => "desc",
        }
    }

    fn named(name: &str) -> Option<Self> {
        [Self::Ascending, Self::Descending].into_iter().find(|direction| direction.name() == name)
    }
}

impl Listing {
    /// The name of this page in the cache: the same for every way to ask for it.
    pub(crate) fn cache_key(&self) -> String {
        let order: Vec<_> = self
            .order
            .iter()
            .map(|(column, direction)| format!("{} {}", column.name(), direction.name()))
            .collect();
        let number = |year: Option<Year>| year.map(|Year(year)| year.to_string());
        let fields = [
            Some(self.page.to_string()),
            Some(self.page_size.to_string()),
            self.title_contains.as_ref().map(ToString::to_string),
            self.author.as_ref().map(ToString::to_string),
            number(self.year_from),
            number(self.year_to),
            Some(order.join(",")),
        ];
        fingerprint(fields.iter().map(Option::as_deref))
    }
}

impl FromFields for Listing {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let page = fields.optional("page");
        let page_size = fields.optional("page_size");
        let title_contains = fields.optional("title_contains");
        let author = fields.optional("author");
        let year_from = fields.optional("year_from");
        let year_to = fields.optional("year_to");
        let sort_by = fields.optional("sort_by");
        let sort_dir = fields.optional("sort_dir");
        let SortBy(parts) = sort_by?.unwrap_or(SortBy(Vec::new()));
        Some(Self {
            page: page?.map_or(1, |Page(page)| page),
            page_size: page_size?.map_or(DEFAULT_PAGE_SIZE, |PageSize(size)| size),
            title_contains: title_contains?,
            author: author?,
            year_from: year_from?,
            year_to: year_to?,
            order: total_order(parts, sort_dir?.unwrap_or(Direction::Ascending)),
        })
    }
}

fn total_order(parts: Vec<(Column, Option<Direction>)>, default: Direction) -> Vec<(Column, Direction)> {
    let parts = if parts.is_empty() { vec![(Column::Id, None)] } else { parts };
    let mut order: Vec<_> =
        parts.into_iter().map(|(column, direction)| (column, direction.unwrap_or(default))).collect();
    if order.iter().all(|(column, _)| *column != Column::Id) {
        order.push((Column::Id, Direction::Ascending));
    }
    order
}

struct Page(i64);

impl FromField for Page {
    fn from_field(raw: Raw) -> Result<Self, String> {
        let page = raw.integer()?;
        if page >= 1 { Ok(Self(page)) } else { Err("must be 1 or more".to_owned()) }
    }
}

struct PageSize(i64);

impl FromField for PageSize {
    fn from_field(raw: Raw) -> Result<Self, String> {
        let size = raw.integer()?;
        let possible = 1..=LARGEST_PAGE_SIZE;
        if possible.contains(&size) {
            Ok(Self(size))
        } else {
            Err(format!("must be from 1 to {LARGEST_PAGE_SIZE}"))
        }
    }
}

impl FromField for Direction {
    fn from_field(raw: Raw) -> Result<Self, String> {
        Self::named(&raw.text()?).ok_or_else(|| "must be asc or desc".to_owned())
    }
}

/// `author:desc,title`: columns in order of weight, each once, with a direction where it differs from
/// `sort_dir`.
struct SortBy(Vec<(Column, Option<Direction>)>);

impl FromField for SortBy {
    fn from_field(raw: Raw) -> Result<Self, String> {
        let mut parts: Vec<(Column, Option<Direction>)> = Vec::new();
        for part in raw.text()?.split(',') {
            let (name, direction) = match part.split_once(':') {
                Some((name, direction)) => (name, Some(direction)),
                None => (part, None),
            };
            let column = Column::named(name).ok_or("can only name id, title, author and year")?;
            if parts.iter().any(|(earlier, _)| *earlier == column) {
                return Err("must not name a column twice".to_owned());
            }
            let direction = match direction {
                Some(name) => Some(Direction::named(name).ok_or("can only sort asc or desc")?),
                None => None,
            };
            parts.push((column, direction));
        }
        Ok(Self(parts))
    }
}

/// The query of `GET /books`, for its documentation; [`Listing`] is what it means.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "read by the OpenAPI generator alone")]
pub(crate) struct ListingParameters {
    #[param(minimum = 1, default = 1)]
    page: Option<i64>,
    #[param(minimum = 1, maximum = 100, default = 10)]
    page_size: Option<i64>,
    /// Part of the title, in any case.
    #[param(max_length = 200, example = "darkness")]
    title_contains: Option<String>,
    /// The whole author, in any case.
    #[param(max_length = 100, example = "ursula k. le guin")]
    author: Option<String>,
    #[param(minimum = 0, maximum = 2100)]
    year_from: Option<i32>,
    #[param(minimum = 0, maximum = 2100)]
    year_to: Option<i32>,
    /// Columns in order of weight: `id`, `title`, `author`, `year`, each with `:asc` or `:desc` if need be.
    #[param(example = "author:desc,title")]
    sort_by: Option<String>,
    /// The direction of parts of `sort_by` that name none: `asc` or `desc`.
    #[param(default = "asc")]
    sort_dir: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(sort_by: &str, default: Direction) -> Vec<(&'static str, &'static str)> {
        let SortBy(parts) = SortBy::from_field(Raw::Text(sort_by.to_owned())).unwrap();
        let order = total_order(parts, default);
        order.into_iter().map(|(column, direction)| (column.name(), direction.name())).collect()
    }

    #[test]
    fn the_order_is_total() {
        assert_eq!(
            order("author:desc,title", Direction::Ascending),
            [("author", "desc"), ("title", "asc"), ("id", "asc")]
        );
        assert_eq!(order("id", Direction::Descending), [("id", "desc")]);
    }

    #[test]
    fn a_malformed_sort_is_refused() {
        for text in [
            "",
            ",",
            "title,",
            "title,title",
            "title:",
            "title:up",
            "title:asc:asc",
            "password",
            "Title",
            " title",
        ] {
            assert!(SortBy::from_field(Raw::Text(text.to_owned())).is_err(), "{text:?}");
        }
    }
}
