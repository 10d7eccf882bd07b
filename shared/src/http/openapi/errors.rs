//! The failures that operations name.
//!
//! A function builds its description at each start and throws it away. So there a failure is a mere reference by name,
//! which is replaced by the whole response, with an example, where the document is read.

use std::collections::BTreeMap;
use std::time::Duration;

use utoipa::ToSchema as _;
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::{ContentBuilder, Ref, RefOr};

use super::headers::{CACHE_CONTROL, RETRY_AFTER, WWW_AUTHENTICATE, shared_header};
use crate::http::error::{Descriptor, Error};
use crate::http::extract::LARGEST_BODY;
use crate::http::problem::{self, MEDIA_TYPE, Problem, TokenProblem};

pub(super) type Responses = BTreeMap<String, RefOr<Response>>;

/// A response to a failure. Of several reasons for one status the last gives the example.
#[derive(Clone, Copy)]
pub(super) struct Failure {
    name: &'static str,
    reasons: fn() -> Vec<Error>,
}

const fn failure(name: &'static str, reasons: fn() -> Vec<Error>) -> Failure {
    Failure { name, reasons }
}

pub(super) const MALFORMED: Failure =
    failure("malformed", || vec![Error::Malformed("The body is not valid JSON.")]);
pub(super) const INVALID_GRANT: Failure = failure("invalid-grant", || vec![Error::InvalidGrant]);
pub(super) const INVALID_TOKEN: Failure = failure("invalid-token", || vec![Error::InvalidToken]);
pub(super) const FORBIDDEN: Failure = failure("forbidden", || vec![Error::Forbidden]);
pub(super) const NOT_FOUND: Failure = failure("not-found", || vec![Error::NotFound]);
pub(super) const IN_PROGRESS: Failure = failure("in-progress", || vec![Error::InProgress]);
pub(super) const CLAIMED: Failure = failure("claimed", || vec![Error::Conflict(""), Error::InProgress]);
pub(super) const PRECONDITION_FAILED: Failure =
    failure("precondition-failed", || vec![Error::PreconditionFailed]);
pub(super) const TOO_LARGE: Failure = failure("too-large", || vec![Error::TooLarge(LARGEST_BODY)]);
pub(super) const NOT_JSON: Failure =
    failure("not-json", || vec![Error::UnsupportedMediaType("application/json")]);
pub(super) const NOT_A_FORM: Failure =
    failure("not-a-form", || vec![Error::UnsupportedMediaType("application/x-www-form-urlencoded")]);
pub(super) const INVALID_ID: Failure =
    failure("invalid-id", || vec![Error::invalid("id", "must be a whole number, 1 or more")]);
pub(super) const INVALID_PAGE: Failure =
    failure("invalid-page", || vec![Error::invalid("page", "must be 1 or more")]);
pub(super) const INVALID_BODY: Failure =
    failure("invalid-body", || vec![Error::invalid("title", "must have 1 to 200 characters")]);
pub(super) const TOO_MANY: Failure =
    failure("too-many", || vec![Error::TooManyRequests(Duration::from_secs(17))]);
pub(super) const UNAVAILABLE: Failure = failure("unavailable", || vec![Error::Unavailable(String::new())]);

const ALL: [Failure; 16] = [
    MALFORMED,
    INVALID_GRANT,
    INVALID_TOKEN,
    FORBIDDEN,
    NOT_FOUND,
    IN_PROGRESS,
    CLAIMED,
    PRECONDITION_FAILED,
    TOO_LARGE,
    NOT_JSON,
    NOT_A_FORM,
    INVALID_ID,
    INVALID_PAGE,
    INVALID_BODY,
    TOO_MANY,
    UNAVAILABLE,
];

/// The prefix of a reference to a failure.
const NAMED: &str = "failure:";
/// The prefix of a reference to a failure of a token endpoint.
const NAMED_TO_OAUTH_CLIENTS: &str = "failure-to-oauth-clients:";

/// The failures by name.
pub(super) fn named<const N: usize>(failures: [Failure; N]) -> Responses {
    failures.into_iter().map(|failure| failure.after(NAMED)).collect()
}

/// The failures by name, for a token endpoint.
pub(super) fn named_to_oauth_clients<const N: usize>(failures: [Failure; N]) -> Responses {
    failures.into_iter().map(|failure| failure.after(NAMED_TO_OAUTH_CLIENTS)).collect()
}

/// Replaces a reference to a failure by its response.
pub(super) fn expand(response: &mut RefOr<Response>) {
    let RefOr::Ref(Ref { ref_location, .. }) = response else { return };
    for (before, for_oauth) in [(NAMED, false), (NAMED_TO_OAUTH_CLIENTS, true)] {
        let name = ref_location.strip_prefix(before);
        if let Some(failure) = ALL.into_iter().find(|failure| Some(failure.name) == name) {
            *response = failure.response(for_oauth).into();
            return;
        }
    }
}

impl Failure {
    fn after(self, before: &str) -> (String, RefOr<Response>) {
        (self.example().status().as_str().to_owned(), RefOr::Ref(Ref::new(format!("{before}{}", self.name))))
    }

    fn example(self) -> Error {
        (self.reasons)().pop().expect("a failure has a reason")
    }

    fn response(self, for_oauth: bool) -> Response {
        let error = self.example();
        let Descriptor { retry_after, challenge, .. } = error.descriptor();
        let schema = if for_oauth { TokenProblem::name() } else { Problem::name() };
        let content = ContentBuilder::new()
            .schema(Some(RefOr::Ref(Ref::from_schema_name(schema))))
            .example(Some(problem::example(&error, for_oauth)));
        let mut names = vec![CACHE_CONTROL];
        names.extend(retry_after.map(|_| RETRY_AFTER));
        names.extend(challenge.map(|_| WWW_AUTHENTICATE));
        let reasons: Vec<_> =
            (self.reasons)().iter().map(|reason| reason.descriptor().documentation).collect();
        let response = ResponseBuilder::new().description(reasons.join(". Or: "));
        let mut response = response.content(MEDIA_TYPE, content.build()).build();
        response.headers.extend(names.into_iter().map(shared_header));
        response
    }
}
