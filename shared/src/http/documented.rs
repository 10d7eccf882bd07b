//! What an operation may answer when it fails, for its documentation: grouped once here, named by handlers. Status,
//! text and headers are those that the errors themselves have.

mod parameters;

pub use parameters::IdempotencyKey;

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;
use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::{Components, Content, ContentBuilder, OpenApi, Ref, RefOr};
use utoipa::{IntoResponses, PartialSchema as _, ToSchema as _};

use super::error::Error;
use super::extract::LARGEST_BODY;
use super::problem::{self, MEDIA_TYPE, Problem, TokenProblem};
use crate::fields::FieldError;

type Responses = BTreeMap<String, RefOr<Response>>;

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

const MALFORMED: Error = Error::Malformed("The body is not valid JSON.");
const TOO_MANY: Error = Error::TooManyRequests(Duration::from_secs(17));

impl IntoResponses for Throttled {
    fn responses() -> Responses {
        // The guard may have refused the event that the request came in; that is answered after it was counted.
        problems(&[MALFORMED, TOO_MANY])
    }
}

impl IntoResponses for Stored {
    fn responses() -> Responses {
        problems(&[Error::Unavailable(String::new())])
    }
}

impl IntoResponses for SignedIn {
    fn responses() -> Responses {
        problems(&[Error::InvalidToken])
    }
}

impl IntoResponses for AdminOnly {
    fn responses() -> Responses {
        problems(&[Error::InvalidToken, Error::Forbidden])
    }
}

impl IntoResponses for WithName {
    fn responses() -> Responses {
        problems(&[Error::NotFound])
    }
}

impl IntoResponses for WithId {
    fn responses() -> Responses {
        problems(&[Error::NotFound, Error::invalid("id", "must be a whole number, 1 or more")])
    }
}

impl IntoResponses for WithIfMatch {
    fn responses() -> Responses {
        problems(&[MALFORMED, Error::PreconditionFailed])
    }
}

impl IntoResponses for WithIfNoneMatch {
    fn responses() -> Responses {
        let tag = header("The tag that the caller has", text(), json!("\"1.3\""));
        let unchanged =
            ResponseBuilder::new().description("It is what If-None-Match says").header("ETag", tag);
        let mut responses = problems(&[MALFORMED]);
        responses.insert("304".to_owned(), unchanged.build().into());
        responses
    }
}

impl IntoResponses for WithQuery {
    fn responses() -> Responses {
        problems(&[Error::invalid("page", "must be 1 or more")])
    }
}

impl IntoResponses for WithJson {
    fn responses() -> Responses {
        problems(&[
            MALFORMED,
            Error::TooLarge(LARGEST_BODY),
            Error::UnsupportedMediaType("application/json"),
            Error::invalid("title", "must have 1 to 200 characters"),
        ])
    }
}

impl IntoResponses for Idempotent {
    fn responses() -> Responses {
        problems(&[Error::InProgress])
    }
}

impl IntoResponses for WithClaim {
    fn responses() -> Responses {
        let (status, mut response) = answer(&Error::InProgress, false);
        if let RefOr::T(response) = &mut response {
            let reasons = [Error::Conflict(""), Error::InProgress].map(|error| meaning(&error));
            response.description = reasons.join(". Or: ");
        }
        Responses::from([(status, response)])
    }
}

impl IntoResponses for WithGrant {
    fn responses() -> Responses {
        let errors = [
            Error::InvalidGrant,
            Error::TooLarge(LARGEST_BODY),
            Error::UnsupportedMediaType("application/x-www-form-urlencoded"),
            TOO_MANY,
            Error::Unavailable(String::new()),
        ];
        errors.iter().map(|error| answer(error, true)).collect()
    }
}

fn problems(errors: &[Error]) -> Responses {
    errors.iter().map(|error| answer(error, false)).collect()
}

/// What a caller sees of this error, with an example.
fn answer(error: &Error, for_oauth: bool) -> (String, RefOr<Response>) {
    let schema = if for_oauth { TokenProblem::name() } else { Problem::name() };
    let content = ContentBuilder::new()
        .schema(Some(RefOr::Ref(Ref::from_schema_name(schema))))
        .example(Some(problem::example(error, for_oauth)));
    let mut names = vec![CACHE_CONTROL];
    names.extend(error.retry_after().map(|_| RETRY_AFTER));
    names.extend(error.challenge().map(|_| WWW_AUTHENTICATE));
    let response = ResponseBuilder::new().description(meaning(error)).content(MEDIA_TYPE, content.build());
    let mut response = response.build();
    response.headers.extend(names.into_iter().map(shared_header));
    (error.status().as_str().to_owned(), response.into())
}

/// What a status means. One text each, since an operation has several reasons for some.
fn meaning(error: &Error) -> &'static str {
    match error {
        Error::Malformed(_)
        | Error::InvalidRequest(_)
        | Error::InvalidGrant
        | Error::UnsupportedGrantType => "The request can not be understood, or what it presents is refused",
        Error::Unauthenticated | Error::InvalidToken => "No access token, or one that is no longer good",
        Error::Forbidden => "Signed in, but not as an administrator",
        Error::NotFound => "There is nothing here",
        Error::MethodNotAllowed => "The resource does not do this",
        Error::Conflict(_) => "The name is taken",
        Error::InProgress => "The first request with this Idempotency-Key is still being answered",
        Error::PreconditionFailed => "It is no longer what If-Match says",
        Error::TooLarge(_) => "The body is larger than 64 KiB",
        Error::UnsupportedMediaType(_) => "The body is not of the right media type",
        Error::Invalid(_) | Error::KeyReused => {
            "Fields are missing, unknown or not valid: all of them are named"
        }
        Error::TooManyRequests(_) => "Too many requests; wait as long as Retry-After says",
        Error::Unavailable(_) => "A store gives no answer; try again after Retry-After",
        Error::Internal(_) => "A mistake in this program",
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
