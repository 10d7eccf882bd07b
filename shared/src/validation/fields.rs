//! The values of one request, read field by field into a type or into a list of problems.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::field::{FromField, Raw};

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// The field, as the caller names it.
    #[schema(example = "title")]
    pub field: String,
    /// What it must be.
    #[schema(example = "must have 1 to 200 characters")]
    pub detail: String,
}

/// A type that is read from several named values.
pub trait FromFields: Sized {
    /// Takes every field it knows before giving up, so that all problems are reported at once. `None` means
    /// that something was refused.
    fn from_fields(fields: &mut Fields) -> Option<Self>;
}

/// One field of a partial update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change<T> {
    /// Not mentioned: stays as it is.
    Keep,
    /// Set to this.
    Set(T),
}

impl<T> Change<T> {
    /// The new value, if the field is mentioned.
    pub fn set(&self) -> Option<&T> {
        match self {
            Self::Keep => None,
            Self::Set(value) => Some(value),
        }
    }
}

/// The values of one request that are still to be read, and the problems so far.
#[derive(Debug, Default)]
pub struct Fields {
    values: BTreeMap<String, Raw>,
    errors: Vec<FieldError>,
}

impl Fields {
    /// Reads `T` from `values`; a value that `T` does not ask for is an error too.
    pub fn read<T: FromFields>(values: BTreeMap<String, Raw>) -> Result<T, Vec<FieldError>> {
        Self::read_with(values, T::from_fields)
    }

    /// Reads `values` by a rule that needs more than the values, configuration for instance.
    pub fn read_with<T>(
        values: BTreeMap<String, Raw>,
        rule: impl FnOnce(&mut Self) -> Option<T>,
    ) -> Result<T, Vec<FieldError>> {
        let mut fields = Self { values, errors: Vec::new() };
        let read = rule(&mut fields);
        for name in std::mem::take(&mut fields.values).into_keys() {
            fields.refuse::<()>(&name, "is not known here");
        }
        fields.conclude(read)
    }

    /// Reads `T` from the parameters of an OAuth request: unknown ones are ignored and empty ones count as
    /// absent (RFC 6749 §3.1, §3.2).
    pub fn read_oauth<T: FromFields>(mut values: BTreeMap<String, Raw>) -> Result<T, Vec<FieldError>> {
        values.retain(
            |_, raw| !matches!(raw, Raw::Text(text) | Raw::Json(Value::String(text)) if text.is_empty()),
        );
        let mut fields = Self { values, errors: Vec::new() };
        let read = T::from_fields(&mut fields);
        fields.conclude(read)
    }

    fn conclude<T>(self, read: Option<T>) -> Result<T, Vec<FieldError>> {
        match read {
            Some(value) if self.errors.is_empty() => Ok(value),
            _ => Err(self.errors),
        }
    }

    /// A field that must be there.
    pub fn required<T: FromField>(&mut self, name: &str) -> Option<T> {
        match self.optional(name)? {
            Some(value) => Some(value),
            None => self.refuse(name, "is required"),
        }
    }

    /// A field that may be absent or null.
    pub fn optional<T: FromField>(&mut self, name: &str) -> Option<Option<T>> {
        match self.values.remove(name) {
            None | Some(Raw::Json(Value::Null)) => Some(None),
            Some(raw) => self.convert(name, raw).map(Some),
        }
    }

    /// A field that a partial update may mention; null is refused.
    pub fn change<T: FromField>(&mut self, name: &str) -> Option<Change<T>> {
        match self.change_nullable(name)? {
            Change::Keep => Some(Change::Keep),
            Change::Set(Some(value)) => Some(Change::Set(value)),
            Change::Set(None) => self.refuse(name, "can not be null"),
        }
    }

    /// A field that a partial update may mention; null clears it.
    pub fn change_nullable<T: FromField>(&mut self, name: &str) -> Option<Change<Option<T>>> {
        match self.values.remove(name) {
            None => Some(Change::Keep),
            Some(Raw::Json(Value::Null)) => Some(Change::Set(None)),
            Some(raw) => self.convert(name, raw).map(|value| Change::Set(Some(value))),
        }
    }

    /// Records a problem; returns `None` so that it can end an expression.
    pub fn refuse<T>(&mut self, field: &str, detail: impl Into<String>) -> Option<T> {
        self.errors.push(FieldError { field: field.to_owned(), detail: detail.into() });
        None
    }

    fn convert<T: FromField>(&mut self, name: &str, raw: Raw) -> Option<T> {
        T::from_field(raw).map_err(|detail| self.refuse::<T>(name, detail)).ok()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::validation::Text;

    #[derive(Debug)]
    struct Pair;

    impl FromFields for Pair {
        fn from_fields(fields: &mut Fields) -> Option<Self> {
            let first = fields.required::<Text<1, 3>>("first");
            let second = fields.optional::<Text<1, 3>>("second");
            first.and(second).map(|_| Self)
        }
    }

    fn problems(object: Value) -> Vec<String> {
        let Value::Object(object) = object else { unreachable!() };
        let values = object.into_iter().map(|(name, value)| (name, Raw::Json(value))).collect();
        let errors = Fields::read::<Pair>(values).err().unwrap_or_default();
        errors.into_iter().map(|error| error.field).collect()
    }

    #[test]
    fn every_problem_is_reported_at_once() {
        assert_eq!(problems(json!({"first": 1, "second": "long", "third": 3})), ["first", "second", "third"]);
        assert_eq!(problems(json!({})), ["first"]);
        assert_eq!(problems(json!({"first": null})), ["first"]);
    }
}
