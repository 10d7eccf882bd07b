//! The response headers that several operations have in common: described once, referred to by name.

use serde_json::{Value, json};
use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{Ref, RefOr};

use crate::http::error::Error;

pub(super) const CACHE_CONTROL: &str = "Cache-Control";
pub(super) const RATE_LIMIT: &str = "RateLimit";
pub(super) const RATE_LIMIT_POLICY: &str = "RateLimit-Policy";
pub(super) const RETRY_AFTER: &str = "Retry-After";
pub(super) const WWW_AUTHENTICATE: &str = "WWW-Authenticate";

/// A reference to the header of this name.
pub(super) fn shared_header(name: &str) -> (String, RefOr<Header>) {
    (name.to_owned(), RefOr::Ref(Ref::new(format!("#/components/headers/{name}"))))
}

/// The description of each. Those of a quota are absent while Redis is unavailable.
pub(super) fn headers() -> [(&'static str, Header); 5] {
    let seconds = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0));
    let no_store = text().enum_values(Some(["no-store"]));
    [
        (CACHE_CONTROL, header("Nobody may keep this answer", no_store, json!("no-store"))),
        (
            RATE_LIMIT,
            header("What is left of the quota, and the seconds after which there is more", text(), {
                json!(r#""default";r=42;t=17"#)
            }),
        ),
        (
            RATE_LIMIT_POLICY,
            header(
                "The quota: so many requests in so many seconds",
                text(),
                json!(r#""default";q=100;w=60"#),
            ),
        ),
        (RETRY_AFTER, header("Seconds to wait (RFC 9110 §10.2.3)", seconds, json!(17))),
        (
            WWW_AUTHENTICATE,
            header(
                "A Bearer challenge (RFC 6750 §3)",
                text(),
                json!(Error::InvalidToken.descriptor().challenge),
            ),
        ),
    ]
}

/// One header.
pub(super) fn header(description: &str, schema: ObjectBuilder, example: Value) -> Header {
    HeaderBuilder::new().description(Some(description)).schema(Some(schema)).example(Some(example)).build()
}

/// The schema of any text.
pub(super) fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(SchemaType::Type(Type::String))
}
