//! What an operation may answer when it fails, for its documentation: grouped once here, named by handlers. Status,
//! text and headers are those that the errors themselves have.

mod errors;
mod parameters;

pub use parameters::IdempotencyKey;

use serde_json::json;
use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::{Components, Content, OpenApi, Ref, RefOr};
use utoipa::{IntoResponses, PartialSchema as _, ToSchema as _};

use errors::{
    CLAIMED, FORBIDDEN, IN_PROGRESS, INVALID_BODY, INVALID_GRANT, INVALID_ID, INVALID_PAGE, INVALID_TOKEN,
    MALFORMED, NOT_A_FORM, NOT_FOUND, NOT_JSON, PRECONDITION_FAILED, Responses, TOO_LARGE, TOO_MANY,
    UNAVAILABLE, named, named_to_oauth_clients,
};

use super::error::Error;
use super::problem::{Problem, TokenProblem};
use crate::validation::FieldError;

/// What any throttled route may answer.
pub struct Throttled;

/// What a route that asks the database may answer.
pub struct Stored;

/// What a route for signed-in callers may answer.
pub struct SignedIn;

/// What a route for administrators may answer.
pub struct AdminOnly;

/// What a route with a name in its path may answer.
pub struct WithName;

/// What a route with an `{id}` may answer.
pub struct WithId;

/// What a route that takes `If-Match` may answer.
pub struct WithIfMatch;

/// What a route that takes `If-None-Match` may answer.
pub struct WithIfNoneMatch;

/// What a route with a query may answer.
pub struct WithQuery;

/// What a route with a JSON body may answer.
pub struct WithJson;

/// What a route that takes an [`IdempotencyKey`] may answer.
pub struct Idempotent;

/// What an [`Idempotent`] route that claims a name for somebody may answer. To be named after that one.
pub struct WithClaim;

/// What a route that OAuth clients post to may answer, throttled and stored as it is.
pub struct WithGrant;

impl IntoResponses for Throttled {
    fn responses() -> Responses {
        // The guard may have refused the event that the request came in; that is answered after it was counted.
        named([MALFORMED, TOO_MANY])
    }
}

impl IntoResponses for Stored {
    fn responses() -> Responses {
        named([UNAVAILABLE])
    }
}

impl IntoResponses for SignedIn {
    fn responses() -> Responses {
        named([INVALID_TOKEN])
    }
}

impl IntoResponses for AdminOnly {
    fn responses() -> Responses {
        named([INVALID_TOKEN, FORBIDDEN])
    }
}

impl IntoResponses for WithName {
    fn responses() -> Responses {
        named([NOT_FOUND])
    }
}

impl IntoResponses for WithId {
    fn responses() -> Responses {
        named([NOT_FOUND, INVALID_ID])
    }
}

impl IntoResponses for WithIfMatch {
    fn responses() -> Responses {
        named([MALFORMED, PRECONDITION_FAILED])
    }
}

impl IntoResponses for WithIfNoneMatch {
    fn responses() -> Responses {
        let tag = header("The tag that the caller has", text(), json!("\"1.3\""));
        let unchanged =
            ResponseBuilder::new().description("It is what If-None-Match says").header("ETag", tag);
        let mut responses = named([MALFORMED]);
        responses.insert("304".to_owned(), unchanged.build().into());
        responses
    }
}

impl IntoResponses for WithQuery {
    fn responses() -> Responses {
        named([INVALID_PAGE])
    }
}

impl IntoResponses for WithJson {
    fn responses() -> Responses {
        named([MALFORMED, TOO_LARGE, NOT_JSON, INVALID_BODY])
    }
}

impl IntoResponses for Idempotent {
    fn responses() -> Responses {
        named([IN_PROGRESS])
    }
}

impl IntoResponses for WithClaim {
    fn responses() -> Responses {
        named([CLAIMED])
    }
}

impl IntoResponses for WithGrant {
    fn responses() -> Responses {
        named_to_oauth_clients([INVALID_GRANT, TOO_LARGE, NOT_A_FORM, TOO_MANY, UNAVAILABLE])
    }
}

const CACHE_CONTROL: &str = "Cache-Control";
const RATE_LIMIT: &str = "RateLimit";
const RATE_LIMIT_POLICY: &str = "RateLimit-Policy";
const RETRY_AFTER: &str = "Retry-After";
const WWW_AUTHENTICATE: &str = "WWW-Authenticate";

/// The paths below which no answer may be stored.
const NOT_STORED: &str = "/auth/";

/// Adds what the attributes on handlers can't say: the headers that layers set, and the components that the groups
/// of this room refer to.
pub fn complete(document: &mut OpenApi) {
    for (path, item) in &mut document.paths.paths {
        for operation in operations(item) {
            complete_operation(path, operation);
        }
    }
    let forms = forms(document);
    let components = document.components.get_or_insert_with(Components::new);
    for form in forms {
        components.schemas.entry(form).and_modify(take_parameters_once);
    }
    components.headers.extend(headers().map(|(name, header)| (name.to_owned(), header.into())));
    for (name, schema) in [
        (Problem::name(), Problem::schema()),
        (TokenProblem::name(), TokenProblem::schema()),
        (FieldError::name(), FieldError::schema()),
    ] {
        components.schemas.insert(name.into_owned(), schema);
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.put, &mut item.post, &mut item.delete].into_iter().filter_map(Option::as_mut)
}

/// The schemas of the forms that OAuth clients send.
fn forms(document: &OpenApi) -> Vec<String> {
    let bodies = document.paths.paths.values().filter_map(|item| item.post.as_ref()?.request_body.as_ref());
    let contents = bodies.filter_map(|body| match body {
        RefOr::T(body) => body.content.get("application/x-www-form-urlencoded"),
        RefOr::Ref(_) => None,
    });
    let schemas = contents.filter_map(|content| match content {
        RefOr::T(Content { schema: Some(RefOr::Ref(schema)), .. }) => Some(schema),
        _ => None,
    });
    schemas.filter_map(|schema| Some(schema.ref_location.rsplit_once('/')?.1.to_owned())).collect()
}

/// Parameters that are not known here are ignored, but even those stand in a form once (RFC 6749 §3.2), as text.
fn take_parameters_once(schema: &mut RefOr<Schema>) {
    if let RefOr::T(Schema::Object(form)) = schema {
        form.additional_properties = Some(Box::new(AdditionalProperties::RefOr(text().into())));
    }
}

fn complete_operation(path: &str, operation: &mut Operation) {
    let responses = &mut operation.responses.responses;
    let is_throttled = responses.contains_key("429");
    for response in responses.values_mut() {
        errors::write_out(response);
        let RefOr::T(response) = response else { continue };
        if is_throttled {
            response.headers.extend([RATE_LIMIT, RATE_LIMIT_POLICY].map(shared_header));
        }
        if path.starts_with(NOT_STORED) {
            response.headers.extend([shared_header(CACHE_CONTROL)]);
        }
    }
}

fn shared_header(name: &str) -> (String, RefOr<Header>) {
    (name.to_owned(), RefOr::Ref(Ref::new(format!("#/components/headers/{name}"))))
}

/// Every header that more than one operation has. Those of a quota are absent while Redis is away.
fn headers() -> [(&'static str, Header); 5] {
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
            header("A Bearer challenge (RFC 6750 §3)", text(), json!(Error::InvalidToken.challenge())),
        ),
    ]
}

fn header(description: &str, schema: ObjectBuilder, example: serde_json::Value) -> Header {
    HeaderBuilder::new().description(Some(description)).schema(Some(schema)).example(Some(example)).build()
}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(SchemaType::Type(Type::String))
}
