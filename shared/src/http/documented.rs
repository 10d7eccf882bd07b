//! The failures of an operation, for its documentation: named once here, listed by handlers.

use std::collections::BTreeMap;

use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Required};
use utoipa::{IntoParams, IntoResponses, ToSchema as _};

use super::problem::{MEDIA_TYPE, Problem};

type Responses = BTreeMap<String, RefOr<Response>>;

/// What any throttled route may answer.
pub struct Throttled;

/// What a route that asks the database may answer.
pub struct Stored;

/// What a route for signed-in callers may answer.
pub struct SignedIn;

/// What a route for administrators may answer.
pub struct AdminOnly;

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

/// What a route that OAuth clients post to may answer.
pub struct WithGrant;

/// What a route that takes an `Idempotency-Key` may answer, beside what [`WithJson`] says. To be named after that.
pub struct Idempotent;

/// The header of a request that may be sent again and is done once.
pub struct IdempotencyKey;

impl IntoResponses for Throttled {
    fn responses() -> Responses {
        problems([(429, "Too many requests; wait as long as Retry-After says")])
    }
}

impl IntoResponses for Stored {
    fn responses() -> Responses {
        problems([(503, "A store gives no answer; try again after Retry-After")])
    }
}

impl IntoResponses for SignedIn {
    fn responses() -> Responses {
        problems([(401, "No access token, or one that is no longer good")])
    }
}

impl IntoResponses for AdminOnly {
    fn responses() -> Responses {
        let mut responses = SignedIn::responses();
        responses.extend(problems([(403, "Signed in, but not as an administrator")]));
        responses
    }
}

impl IntoResponses for WithId {
    fn responses() -> Responses {
        problems([(404, "There is nothing with this id"), (422, "Fields are missing, unknown or not valid")])
    }
}

impl IntoResponses for WithIfMatch {
    fn responses() -> Responses {
        problems([(400, "If-Match can not be understood"), (412, "It is no longer what If-Match says")])
    }
}

impl IntoResponses for WithIfNoneMatch {
    fn responses() -> Responses {
        let tag = HeaderBuilder::new().description(Some("The tag that the caller has")).build();
        let unchanged =
            ResponseBuilder::new().description("It is what If-None-Match says").header("ETag", tag);
        let mut responses = problems([(400, "If-None-Match can not be understood")]);
        responses.insert("304".to_owned(), unchanged.build().into());
        responses
    }
}

impl IntoResponses for WithQuery {
    fn responses() -> Responses {
        problems([(422, "A parameter is unknown or not valid")])
    }
}

impl IntoResponses for WithJson {
    fn responses() -> Responses {
        let mut responses = body_problems();
        responses.extend(problems([(422, "Fields are missing, unknown or not valid")]));
        responses
    }
}

impl IntoResponses for Idempotent {
    fn responses() -> Responses {
        problems([
            (400, "The body or the Idempotency-Key can not be understood"),
            (409, "The first request with this Idempotency-Key is still being answered"),
            (
                422,
                "Fields are missing, unknown or not valid, or the Idempotency-Key came with another body before",
            ),
        ])
    }
}

impl IntoParams for IdempotencyKey {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let key = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(255));
        let parameter = ParameterBuilder::new()
            .name("Idempotency-Key")
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some(
                "Names this request for 24 hours: sent again with the same body it is not done again, and gets the \
                 first answer. A string in quotes or without; a UUID is a good one.",
            ))
            .schema(Some(key));
        vec![parameter.build()]
    }
}

impl IntoResponses for WithGrant {
    fn responses() -> Responses {
        body_problems()
    }
}

fn body_problems() -> Responses {
    problems([
        (400, "The body can not be understood, or what it presents is refused"),
        (413, "The body is larger than 64 KiB"),
        (415, "The body is not of the right media type"),
    ])
}

fn problems<const N: usize>(statuses: [(u16, &str); N]) -> Responses {
    statuses
        .into_iter()
        .map(|(status, description)| (status.to_string(), problem(status, description)))
        .collect()
}

fn problem(status: u16, description: &str) -> RefOr<Response> {
    let schema = RefOr::Ref(Ref::from_schema_name(Problem::name()));
    let content = ContentBuilder::new().schema(Some(schema)).build();
    let mut response = ResponseBuilder::new().description(description).content(MEDIA_TYPE, content);
    let header = |description: &str| HeaderBuilder::new().description(Some(description)).build();
    if matches!(status, 409 | 429 | 503) {
        response = response.header("Retry-After", header("Seconds to wait (RFC 9110 §10.2.3)"));
    }
    if matches!(status, 401 | 403) {
        response = response.header("WWW-Authenticate", header("A Bearer challenge (RFC 6750 §3)"));
    }
    response.build().into()
}
