//! The responses that operations have in common, for the `OpenAPI` description.
//!
//! Each type here is a group of responses, which the attribute on a handler names, as in `responses(WithJson, Stored)`.
//! Statuses, texts and headers are those of the errors themselves. [`complete`] then adds what attributes can't say.

mod errors;
mod headers;
mod parameters;

pub use parameters::IdempotencyKey;

use std::collections::BTreeSet;

use serde_json::json;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::schema::{AdditionalProperties, Schema};
use utoipa::openapi::{Components, Content, OpenApi, RefOr};
use utoipa::{IntoResponses, PartialSchema as _, ToSchema as _};

use errors::{
    CLAIMED, FORBIDDEN, IN_PROGRESS, INVALID_BODY, INVALID_GRANT, INVALID_ID, INVALID_QUERY, INVALID_TOKEN,
    MALFORMED, MALFORMED_WITHOUT_QUOTA, NOT_A_FORM, NOT_FOUND, NOT_JSON, PRECONDITION_FAILED, Responses,
    TOO_LARGE, TOO_MANY, UNAVAILABLE, named, named_to_oauth_clients,
};
use headers::{CACHE_CONTROL, RATE_LIMIT, RATE_LIMIT_POLICY, header, headers, shared_header, text};

use super::problem::{Problem, TokenProblem};
use crate::validation::FieldError;

/// The failures of a route with a quota.
pub struct RateLimited;

/// The failures of a route without a quota.
pub struct Unlimited;

/// The failures of a route that needs a store.
pub struct Stored;

/// The failures of a route for authenticated users.
pub struct SignedIn;

/// The failures of a route for administrators.
pub struct AdminOnly;

/// The failures of a route with a name in its path.
pub struct WithName;

/// The failures of a route with an `{id}` in its path.
pub struct WithId;

/// The failures of a route that takes `If-Match`.
pub struct WithIfMatch;

/// The 304 and the failures of a route that takes `If-None-Match`.
pub struct WithIfNoneMatch;

/// The failures of a route with a query.
pub struct WithQuery;

/// The failures of a route with a JSON body.
pub struct WithJson;

/// The failures of a route that takes an [`IdempotencyKey`].
pub struct Idempotent;

/// The failures of an [`Idempotent`] route that claims a name for somebody. To be listed after that group.
pub struct WithClaim;

/// The failures of a token endpoint, which has a quota and needs a store.
pub struct WithGrant;

impl IntoResponses for RateLimited {
    fn responses() -> Responses {
        // An event that the guard rejected is counted, and then gets a 400.
        named([MALFORMED, TOO_MANY])
    }
}

impl IntoResponses for Unlimited {
    fn responses() -> Responses {
        named([MALFORMED_WITHOUT_QUOTA])
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
        named([INVALID_QUERY])
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

/// The paths below which no response may be stored.
const NOT_STORED: &str = "/auth/";

/// Adds what the attributes on handlers can't say: the headers that layers set, the components that the groups of
/// responses refer to, and that an operation which names no security needs none. Components that nothing refers to go.
pub fn complete(document: &mut OpenApi) {
    let mut failures = BTreeSet::new();
    for (path, item) in &mut document.paths.paths {
        for operation in operations(item) {
            complete_operation(path, operation);
            failures.extend(failures_of(operation));
        }
    }
    let forms = forms(document);
    let components = document.components.get_or_insert_with(Components::new);
    for form in forms {
        components.schemas.entry(form).and_modify(take_parameters_once);
    }
    components.responses.extend(errors::responses(&failures));
    components.headers.extend(headers().map(|(name, header)| (name.to_owned(), header.into())));
    for (name, schema) in [
        (Problem::name(), Problem::schema()),
        (TokenProblem::name(), TokenProblem::schema()),
        (FieldError::name(), FieldError::schema()),
    ] {
        components.schemas.insert(name.into_owned(), schema);
    }
    drop_unused(document);
}

/// Drops the headers and schemas to which nothing refers, such as the problem of token endpoints where there are none.
fn drop_unused(document: &mut OpenApi) {
    let text = document.to_json().unwrap_or_default();
    let is_used = |kind: &str, name: &str| text.contains(&format!("\"#/components/{kind}/{name}\""));
    if let Some(components) = &mut document.components {
        components.headers.retain(|name, _| is_used("headers", name));
        components.schemas.retain(|name, _| is_used("schemas", name));
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
    operation.security.get_or_insert_default();
    operation.description = operation.description.as_deref().map(unwrap_lines);
    let responses = &mut operation.responses.responses;
    let is_rate_limited = responses.contains_key("429");
    for response in responses.values_mut() {
        let RefOr::T(response) = response else { continue };
        if is_rate_limited {
            response.headers.extend([RATE_LIMIT, RATE_LIMIT_POLICY].map(shared_header));
        }
        if path.starts_with(NOT_STORED) {
            response.headers.extend([shared_header(CACHE_CONTROL)]);
        }
    }
}

/// Each paragraph on one line: a line of the source ends where the next word would be too long, and Swagger UI shows
/// every line end.
fn unwrap_lines(text: &str) -> String {
    let paragraphs = text.split("\n\n").map(|paragraph| paragraph.replace('\n', " "));
    paragraphs.collect::<Vec<_>>().join("\n\n")
}

/// The names of the failures that an operation refers to.
fn failures_of(operation: &Operation) -> impl Iterator<Item = String> {
    operation.responses.responses.values().filter_map(|response| match response {
        RefOr::Ref(reference) => errors::name_in(reference),
        RefOr::T(_) => None,
    })
}
