//! The order of a list: the columns that it is sorted by, each with a direction.

use std::fmt;

use shared::validation::{FromField, Raw};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

/// Columns in order of weight, none twice and `id` last, so that no two books are equal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Order(Vec<(Column, Direction)>);

/// A column that a list may be sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Column {
    Id,
    Title,
    Author,
    Year,
}

/// Which end of a sorted list comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ToSchema)]
pub(crate) enum Direction {
    #[schema(rename = "asc")]
    Ascending,
    #[schema(rename = "desc")]
    Descending,
}

impl Order {
    /// The order of `parts`, with the direction `default` where one names none. Ties are broken by `id` in the
    /// direction of the last part, so that one index serves both directions: it is read from either end.
    pub(crate) fn new(SortBy(parts): SortBy, default: Direction) -> Self {
        let mut order: Vec<_> =
            parts.into_iter().map(|(column, direction)| (column, direction.unwrap_or(default))).collect();
        if order.iter().all(|(column, _)| *column != Column::Id) {
            let direction = order.last().map_or(default, |(_, direction)| *direction);
            order.push((Column::Id, direction));
        }
        Self(order)
    }

    pub(crate) fn parts(&self) -> &[(Column, Direction)] {
        &self.0
    }
}

/// The order as the value of `sort_by`.
impl fmt::Display for Order {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts =
            self.0.iter().map(|(column, direction)| format!("{}:{}", column.name(), direction.name()));
        formatter.write_str(&parts.collect::<Vec<_>>().join(","))
    }
}

impl Column {
    /// The column's name in a query.
    fn name(self) -> &'static str {
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
    /// The direction's name, in a query and in SQL.
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

impl FromField for Direction {
    fn from_field(raw: Raw) -> Result<Self, String> {
        Self::named(&raw.text()?).ok_or_else(|| "must be asc or desc".to_owned())
    }
}

/// `author:desc,title`: columns in order of weight, each once, with a direction where it differs from
/// `sort_dir`.
#[derive(Default)]
pub(crate) struct SortBy(Vec<(Column, Option<Direction>)>);

impl PartialSchema for SortBy {
    fn schema() -> RefOr<Schema> {
        // That no column stands twice takes more than what all engines understand; the description says it.
        const PART: &str = "(id|title|author|year)(:(asc|desc))?";
        let pattern = format!("^{PART}(,{PART}){{0,3}}$");
        ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern)).into()
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    fn order(sort_by: &str, default: Direction) -> String {
        Order::new(SortBy::from_field(Raw::Text(sort_by.to_owned())).unwrap(), default).to_string()
    }

    #[test]
    fn the_order_is_total() {
        use Direction::{Ascending, Descending};
        for (sort_by, default, expected) in [
            ("author:desc,title", Ascending, "author:desc,title:asc,id:asc"),
            ("author,title:desc", Ascending, "author:asc,title:desc,id:desc"),
            ("year", Descending, "year:desc,id:desc"),
            ("id", Descending, "id:desc"),
            ("id,title", Ascending, "id:asc,title:asc"),
        ] {
            assert_eq!(order(sort_by, default), expected);
        }
        assert_eq!(Order::new(SortBy::default(), Descending).to_string(), "id:desc");
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
