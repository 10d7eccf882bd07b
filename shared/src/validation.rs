//! Named values from outside (a JSON object, a form, a query) become domain types, or a list of everything that is
//! wrong with them.
//!
//! A type reads one value by implementing [`FromField`], and a request reads several by implementing [`FromFields`].
//! Messages never quote the value. The bounds of a type are also its schema in the `OpenAPI` description, and a
//! [`FieldsSchema`] puts those together for a request.

mod field;
mod fields;
mod schema;
mod text;

pub use field::{FromField, Raw};
pub use fields::{Change, FieldError, Fields, FromFields};
pub use schema::FieldsSchema;
pub use text::{Layout, Line, MultilineText, Text};
