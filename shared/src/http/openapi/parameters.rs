//! The parameters that the extractors of `http` read from path and headers, for the `OpenAPI` description.

use serde_json::json;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::openapi::{RefOr, Required};
use utoipa::{IntoParams, PartialSchema};

use super::headers::text;
use crate::http::conditional::{IfMatch, IfNoneMatch};
use crate::http::extract::{NumericId, UuidId};

impl IntoParams for IfMatch {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![condition("If-Match", "of which the resource must have one")]
    }
}

impl IntoParams for IfNoneMatch {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![condition("If-None-Match", "that the caller has")]
    }
}

impl IntoParams for NumericId {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![id(Self::schema())]
    }
}

impl PartialSchema for NumericId {
    fn schema() -> RefOr<Schema> {
        let number = ObjectBuilder::new().schema_type(Type::Integer);
        number.format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64))).minimum(Some(1)).into()
    }
}

impl IntoParams for UuidId {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![id(text().format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid))))]
    }
}

/// 1 to 255 visible characters without a comma or a quote, or a string as in RFC 9651 §3.3.3.
const KEY: &str = r#"^([!#-+.-~-]{1,255}|"([ !#-\[\]-~]|\\["\\]){1,255}")$"#;

/// The header of a request that may be sent again, and is then not done again.
pub struct IdempotencyKey;

impl IntoParams for IdempotencyKey {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let key = text().pattern(Some(KEY)).examples([json!("8e03978e-40d5-43e8-bc93-6894a57f9324")]);
        let parameter = ParameterBuilder::new().name("Idempotency-Key").parameter_in(ParameterIn::Header);
        let parameter = parameter.required(Required::False).description(Some(
            "Names this request for 24 hours: sent again with the same body it is not done again, and gets the first \
             answer; with another body it is refused with 422. A string in quotes or without; a UUID is a good one.",
        ));
        vec![parameter.schema(Some(key)).build()]
    }
}

/// Without an example: Swagger UI would fill it in for a person who tries the operation.
fn condition(name: &str, which: &str) -> Parameter {
    let description = format!("`*`, or entity tags (RFC 9110 §8.8.3) {which}");
    let parameter = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Header);
    let parameter = parameter.required(Required::False).description(Some(description));
    parameter.schema(Some(text())).build()
}

fn id(schema: impl Into<RefOr<Schema>>) -> Parameter {
    let parameter = ParameterBuilder::new().name("id").parameter_in(ParameterIn::Path);
    parameter.required(Required::True).schema(Some(schema)).build()
}
