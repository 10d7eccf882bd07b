//! Books: what clients send and get, and the versions that a stored book goes through.
//!
//! A [`NewBook`] or a [`BookUpdate`] that was read is valid: the types of its fields hold the rules.

use std::borrow::Cow;
use std::ops::RangeInclusive;

use serde::Serialize;
use shared::http::NumericId;
use shared::validation::{Change, Fields, FieldsSchema, FromField, FromFields, MultilineText, Raw, Text};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

/// 1 to 200 code points on one line.
pub(crate) type Title = Text<1, 200>;
/// 1 to 100 code points on one line.
pub(crate) type Author = Text<1, 100>;
/// At most 1,000 code points on any number of lines.
pub(crate) type Description = MultilineText<1000>;

/// The years that a book may be from.
const YEARS: RangeInclusive<i32> = 0..=2100;

/// A year of publication, 0 to 2100.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Year(pub(crate) i32);

impl FromField for Year {
    fn from_field(raw: Raw) -> Result<Self, String> {
        let year = raw.integer()?;
        let year = i32::try_from(year).ok().filter(|year| YEARS.contains(year));
        year.map(Self).ok_or_else(|| format!("must be from {} to {}", YEARS.start(), YEARS.end()))
    }
}

impl PartialSchema for Year {
    fn schema() -> RefOr<Schema> {
        let year = ObjectBuilder::new().schema_type(Type::Integer);
        let year = year.format(Some(SchemaFormat::KnownFormat(KnownFormat::Int32)));
        year.minimum(Some(*YEARS.start())).maximum(Some(*YEARS.end())).into()
    }
}

/// How often a book has changed since it was created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Version(pub(crate) i64);

impl Version {
    /// The version in which a book is created.
    pub(crate) const FIRST: Self = Self(1);
}

/// The versions of a book in which a conditional write may change it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ExpectedVersions {
    /// The write has no condition.
    Unconditional,
    /// The book must exist, in any version.
    AnyExisting,
    /// The book must be in one of these versions; in none if there are none.
    OneOf(Vec<Version>),
}

impl ExpectedVersions {
    /// Whether a book in this version may be changed.
    pub(crate) fn permit(&self, version: Version) -> bool {
        match self {
            Self::Unconditional | Self::AnyExisting => true,
            Self::OneOf(versions) => versions.contains(&version),
        }
    }
}

/// A book as the database has it.
#[derive(Debug)]
pub(crate) struct StoredBook {
    pub(crate) book: Book,
    pub(crate) version: Version,
}

/// A book in a response.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Book {
    pub(crate) id: i64,
    pub(crate) title: String,
    pub(crate) author: String,
    pub(crate) year: Option<i32>,
    pub(crate) description: Option<String>,
}

impl PartialSchema for Book {
    fn schema() -> RefOr<Schema> {
        FieldsSchema::response("A book as it is answered.")
            .required::<NumericId>("id", 1)
            .required::<Title>("title", "The Left Hand of Darkness")
            .required::<Author>("author", "Ursula K. Le Guin")
            .nullable::<Year>("year", 1969)
            .nullable::<Description>("description", "Winter, and an envoy.")
            .into()
    }
}

impl ToSchema for Book {
    // The published name, which generated clients know: it stays when the type is renamed.
    fn name() -> Cow<'static, str> {
        "Book".into()
    }
}

/// A book that is yet to be created.
#[derive(Debug)]
pub(crate) struct NewBook {
    pub(crate) title: Title,
    pub(crate) author: Author,
    pub(crate) year: Option<Year>,
    pub(crate) description: Option<Description>,
}

impl PartialSchema for NewBook {
    fn schema() -> RefOr<Schema> {
        FieldsSchema::object("A book that is yet to be created.")
            .required::<Title>("title", "The Left Hand of Darkness")
            .required::<Author>("author", "Ursula K. Le Guin")
            .nullable::<Year>("year", 1969)
            .nullable::<Description>("description", "Winter, and an envoy.")
            .into()
    }
}

impl ToSchema for NewBook {
    // The published name, which generated clients know: it stays when the type is renamed.
    fn name() -> Cow<'static, str> {
        "NewBook".into()
    }
}

impl NewBook {
    /// The book that was created from this, as it was then.
    pub(crate) fn as_created(&self, id: i64) -> Book {
        Book {
            id,
            title: self.title.as_str().to_owned(),
            author: self.author.as_str().to_owned(),
            year: self.year.map(|Year(year)| year),
            description: self.description.as_ref().map(|text| text.as_str().to_owned()),
        }
    }
}

impl FromFields for NewBook {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let title = fields.required("title");
        let author = fields.required("author");
        let year = fields.optional("year");
        let description = fields.optional("description");
        Some(Self { title: title?, author: author?, year: year?, description: description? })
    }
}

/// What an update changes: the fields that were sent and no others.
#[derive(Debug)]
pub(crate) struct BookUpdate {
    pub(crate) title: Change<Title>,
    pub(crate) author: Change<Author>,
    /// `null` clears it.
    pub(crate) year: Change<Option<Year>>,
    /// `null` clears it.
    pub(crate) description: Change<Option<Description>>,
}

impl PartialSchema for BookUpdate {
    fn schema() -> RefOr<Schema> {
        FieldsSchema::object("What an update changes: the fields that were sent and no others.")
            .optional::<Title>("title", "The Left Hand of Darkness")
            .optional::<Author>("author", "Ursula K. Le Guin")
            .nullable::<Year>("year", 1969)
            .explained("year", "`null` clears it.")
            .nullable::<Description>("description", "Winter, and an envoy.")
            .explained("description", "`null` clears it.")
            .into()
    }
}

impl ToSchema for BookUpdate {
    // The published name, which generated clients know: it stays when the type is renamed.
    fn name() -> Cow<'static, str> {
        "BookUpdate".into()
    }
}

impl BookUpdate {
    /// Whether nothing was sent.
    pub(crate) fn is_empty(&self) -> bool {
        use Change::Keep;
        matches!(self, Self { title: Keep, author: Keep, year: Keep, description: Keep })
    }
}

impl FromFields for BookUpdate {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let title = fields.change("title");
        let author = fields.change("author");
        let year = fields.change_nullable("year");
        let description = fields.change_nullable("description");
        Some(Self { title: title?, author: author?, year: year?, description: description? })
    }
}
