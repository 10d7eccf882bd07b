//! The schema of a request or a response in the `OpenAPI` description, from the schemas of the types of its fields.

use serde_json::Value;
use utoipa::PartialSchema;
use utoipa::openapi::schema::{AdditionalProperties, Object, ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::{Deprecated, RefOr};

/// The fields of one request or response, in the making. Bounds come from the types that read the fields.
pub struct FieldsSchema {
    object: Object,
    kind: Kind,
}

#[derive(PartialEq, Eq)]
enum Kind {
    Object,
    Form,
    Response,
}

impl FieldsSchema {
    /// A JSON object, in which unknown fields are refused.
    #[must_use]
    pub fn object(description: &str) -> Self {
        let object = ObjectBuilder::new().schema_type(Type::Object).description(Some(description));
        let object = object.additional_properties(Some(AdditionalProperties::FreeForm(false)));
        Self { object: object.build(), kind: Kind::Object }
    }

    /// The parameters of an OAuth request: unknown ones are ignored and empty ones count as absent.
    #[must_use]
    pub fn form(description: &str) -> Self {
        let object = ObjectBuilder::new().schema_type(Type::Object).description(Some(description));
        Self { object: object.build(), kind: Kind::Form }
    }

    /// An object in a response. Its fields have the bounds of a request's, but no patterns: clients need not check
    /// again what was checked before it was stored. It may get further fields later.
    #[must_use]
    pub fn response(description: &str) -> Self {
        let object = ObjectBuilder::new().schema_type(Type::Object).description(Some(description));
        Self { object: object.build(), kind: Kind::Response }
    }

    /// A field that must be there.
    #[must_use]
    pub fn required<T: PartialSchema>(mut self, name: &str, example: impl Into<Value>) -> Self {
        let mut field = field::<T>(example);
        if self.kind == Kind::Form {
            field.min_length = field.min_length.or(Some(1));
        }
        self.object.required.push(name.to_owned());
        self.with(name, field)
    }

    /// A field that may be absent, and is never null.
    #[must_use]
    pub fn optional<T: PartialSchema>(self, name: &str, example: impl Into<Value>) -> Self {
        self.with(name, field::<T>(example))
    }

    /// A field that may be absent or null.
    #[must_use]
    pub fn nullable<T: PartialSchema>(self, name: &str, example: impl Into<Value>) -> Self {
        let mut field = field::<T>(example);
        if let SchemaType::Type(of_value) = field.schema_type {
            field.schema_type = SchemaType::Array(vec![of_value, Type::Null]);
        }
        self.with(name, field)
    }

    /// A parameter of a form that says the one thing which it can say, if it is there.
    #[must_use]
    pub fn constant(self, name: &str, value: &str) -> Self {
        let field = ObjectBuilder::new().schema_type(Type::String).pattern(Some(format!("^({value})?$")));
        self.with(name, with_example(field.build(), value))
    }

    /// A field that is accepted, whatever it holds, and has no effect.
    #[must_use]
    pub fn ignored(self, name: &str) -> Self {
        let field = ObjectBuilder::new().schema_type(SchemaType::AnyValue);
        self.with(name, field.deprecated(Some(Deprecated::True)).build())
    }

    /// Explains the field of this name.
    #[must_use]
    pub fn explained(mut self, name: &str, description: &str) -> Self {
        if let Some(RefOr::T(Schema::Object(field))) = self.object.properties.get_mut(name) {
            field.description = Some(description.to_owned());
        }
        self
    }

    fn with(mut self, name: &str, mut field: Object) -> Self {
        if self.kind == Kind::Response {
            field.pattern = None;
        }
        self.object.properties.insert(name.to_owned(), field.into());
        self
    }
}

fn field<T: PartialSchema>(example: impl Into<Value>) -> Object {
    match T::schema() {
        RefOr::T(Schema::Object(field)) => with_example(field, example),
        _ => unreachable!("what reads one value has a schema of one value"),
    }
}

fn with_example(mut field: Object, example: impl Into<Value>) -> Object {
    field.example = Some(example.into());
    field
}

impl From<FieldsSchema> for RefOr<Schema> {
    fn from(schema: FieldsSchema) -> Self {
        schema.object.into()
    }
}
