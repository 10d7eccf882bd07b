//! The failures that operations name.
//!
//! A function builds its description at each start and throws it away. So there a failure is a mere reference, to a
//! response that the document alone holds: once for all operations, with an example.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use utoipa::ToSchema as _;
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::{ContentBuilder, Ref, RefOr};

use super::headers::{
    CACHE_CONTROL, RATE_LIMIT, RATE_LIMIT_POLICY, RETRY_AFTER, WWW_AUTHENTICATE, shared_header,
};
use crate::http::error::{Descriptor, Error};
use crate::http::extract::LARGEST_BODY;
use crate::http::problem::{self, MEDIA_TYPE, Problem, TokenProblem};

pub(super) type Responses = BTreeMap<String, RefOr<Response>>;

/// A response to a failure. Of several reasons for one status the last gives the example.
#[derive(Clone, Copy)]
pub(super) struct Failure {
    name: &'static str,
    /// Whether the routes that answer it have a quota.
    is_rate_limited: bool,
    reasons: fn() -> Vec<Error>,
}

const fn failure(name: &'static str, reasons: fn() -> Vec<Error>) -> Failure {
    Failure { name, is_rate_limited: true, reasons }
}

pub(super) const MALFORMED: Failure = failure("Malformed", || vec![Error::NotJson { line: 1, column: 12 }]);
pub(super) const MALFORMED_WITHOUT_QUOTA: Failure =
    Failure { name: "MalformedWithoutQuota", is_rate_limited: false, ..MALFORMED };
pub(super) const INVALID_GRANT: Failure = failure("InvalidGrant", || vec![Error::InvalidGrant]);
pub(super) const INVALID_TOKEN: Failure = failure("InvalidToken", || vec![Error::InvalidToken]);
pub(super) const FORBIDDEN: Failure = failure("Forbidden", || vec![Error::Forbidden]);
pub(super) const NOT_FOUND: Failure = failure("NotFound", || vec![Error::NotFound]);
pub(super) const IN_PROGRESS: Failure = failure("InProgress", || vec![Error::InProgress]);
pub(super) const CLAIMED: Failure = failure("Claimed", || vec![Error::Conflict(""), Error::InProgress]);
pub(super) const PRECONDITION_FAILED: Failure =
    failure("PreconditionFailed", || vec![Error::PreconditionFailed]);
pub(super) const TOO_LARGE: Failure = failure("TooLarge", || vec![Error::TooLarge(LARGEST_BODY)]);
pub(super) const NOT_JSON: Failure =
    failure("NotJson", || vec![Error::UnsupportedMediaType("application/json")]);
pub(super) const NOT_A_FORM: Failure =
    failure("NotAForm", || vec![Error::UnsupportedMediaType("application/x-www-form-urlencoded")]);
pub(super) const INVALID_ID: Failure =
    failure("InvalidId", || vec![Error::invalid("id", "must be a whole number, 1 or more")]);
pub(super) const INVALID_QUERY: Failure =
    failure("InvalidQuery", || vec![Error::invalid("page", "must be 1 or more")]);
pub(super) const INVALID_BODY: Failure =
    failure("InvalidBody", || vec![Error::invalid("title", "must have 1 to 200 characters")]);
pub(super) const TOO_MANY: Failure =
    failure("TooManyRequests", || vec![Error::TooManyRequests(Duration::from_secs(17))]);
pub(super) const UNAVAILABLE: Failure = failure("Unavailable", || vec![Error::Unavailable(String::new())]);

const ALL: [Failure; 17] = [
    MALFORMED,
    MALFORMED_WITHOUT_QUOTA,
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
    INVALID_QUERY,
    INVALID_BODY,
    TOO_MANY,
    UNAVAILABLE,
];

/// Where the document holds the responses that operations refer to.
const SHARED: &str = "#/components/responses/";
/// What the name of a failure of a token endpoint begins with.
const TO_OAUTH_CLIENTS: &str = "OAuth";

/// References to the failures.
pub(super) fn named<const N: usize>(failures: [Failure; N]) -> Responses {
    failures.into_iter().map(|failure| failure.reference("")).collect()
}

/// References to the failures, for a token endpoint.
pub(super) fn named_to_oauth_clients<const N: usize>(failures: [Failure; N]) -> Responses {
    failures.into_iter().map(|failure| failure.reference(TO_OAUTH_CLIENTS)).collect()
}

/// The name of the failure that this refers to.
pub(super) fn name_in(reference: &Ref) -> Option<String> {
    reference.ref_location.strip_prefix(SHARED).map(ToOwned::to_owned)
}

/// The responses to the failures of these names.
pub(super) fn responses(names: &BTreeSet<String>) -> Responses {
    let each = ALL.into_iter().flat_map(|failure| {
        ["", TO_OAUTH_CLIENTS]
            .map(|prefix| (format!("{prefix}{}", failure.name), failure, !prefix.is_empty()))
    });
    let used = each.filter(|(name, ..)| names.contains(name));
    used.map(|(name, failure, for_oauth)| (name, failure.response(for_oauth).into())).collect()
}

impl Failure {
    fn reference(self, prefix: &str) -> (String, RefOr<Response>) {
        let reference = Ref::new(format!("{SHARED}{prefix}{}", self.name));
        (self.example().status().as_str().to_owned(), RefOr::Ref(reference))
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
        if self.is_rate_limited {
            names.extend([RATE_LIMIT, RATE_LIMIT_POLICY]);
        }
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
