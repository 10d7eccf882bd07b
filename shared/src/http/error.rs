//! Everything that clients can be told when a request fails.
//!
//! Handlers and layers return an [`Error`]. Each of its variants has one `Descriptor`: the status, the words of
//! the problem document (RFC 9457), the words of OAuth, the headers, and the words of the `OpenAPI` description.
//! [`problem`](super::problem) renders it.

mod conversions;

use std::borrow::Cow;
use std::time::Duration;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::validation::FieldError;

/// The result of a handler: its response or an error.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a request failed, as its client may know it. The texts of [`Error::Unavailable`] and [`Error::Internal`] are for
/// the log alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// The request can't be understood: its JSON, its encoding, its form.
    Malformed(&'static str),
    /// The body is not JSON.
    NotJson {
        /// The line of the first mistake, counted from 1.
        line: usize,
        /// Its place in the line in code points, counted from 1.
        column: usize,
    },
    /// A token request lacks parameters or holds unusable ones (RFC 6749 §5.2).
    InvalidRequest(Vec<FieldError>),
    /// OAuth's refusal of what was presented as a grant (RFC 6749 §5.2).
    InvalidGrant,
    /// OAuth's refusal of a grant type (RFC 6749 §5.2).
    UnsupportedGrantType,
    /// No credentials were sent.
    Unauthenticated,
    /// The access token that was sent is invalid, or not valid any more.
    InvalidToken,
    /// The user is signed in, but this takes another role.
    Forbidden,
    /// The request did not come through the public address of the API.
    ClosedAddress,
    /// There is no such resource.
    NotFound,
    /// The resource does not do this.
    MethodNotAllowed,
    /// The resource is no longer what `If-Match` says.
    PreconditionFailed,
    /// Something with this name exists.
    Conflict(&'static str),
    /// The same request, by its `Idempotency-Key`, is still in progress.
    InProgress,
    /// The `Idempotency-Key` belongs to a request with another body.
    KeyReused,
    /// The body is larger than this many bytes.
    TooLarge(usize),
    /// The body is not of this media type.
    UnsupportedMediaType(&'static str),
    /// Understood, but fields are missing, unknown or out of range: all of them.
    Invalid(Vec<FieldError>),
    /// A quota is used up, or guessing is locked, for this long.
    TooManyRequests(Duration),
    /// A store gives no answer now. The text is for the log.
    Unavailable(String),
    /// A mistake in this program. The text is for the log.
    Internal(String),
}

/// How long a client should wait when a store gives no answer.
const RETRY_WHEN_UNAVAILABLE: Duration = Duration::from_secs(1);

/// How long a client should wait while its first request is in progress: hardly any takes longer.
const RETRY_WHEN_IN_PROGRESS: Duration = Duration::from_secs(1);

/// Whether a response of this status is final: the same request would get the same response again. That is not so where
/// a store was unavailable, nor where the response depends on more than the request: a session, a quota, a header.
#[must_use]
pub fn is_final(status: StatusCode) -> bool {
    const TRANSIENT: [StatusCode; 4] = [
        StatusCode::UNAUTHORIZED,
        StatusCode::FORBIDDEN,
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        StatusCode::TOO_MANY_REQUESTS,
    ];
    !status.is_server_error() && !TRANSIENT.contains(&status)
}

/// The detail of an error that lists fields.
const SEE_ERRORS: &str = "Some fields are not valid; see errors.";

/// Everything that a response, and the `OpenAPI` description, say of one kind of error.
pub(super) struct Descriptor {
    pub(super) status: StatusCode,
    /// The kind of problem, the last part of its `type`.
    pub(super) code: &'static str,
    /// The `detail` of the problem document.
    pub(super) detail: Cow<'static, str>,
    /// The status in the `OpenAPI` description.
    pub(super) documentation: Cow<'static, str>,
    /// The `error` of RFC 6749 §5.2, which token endpoints send along. What that section has no word for takes the
    /// nearest of §4.1.2.1.
    pub(super) oauth_code: &'static str,
    /// How long to wait before trying again makes sense.
    pub(super) retry_after: Option<Duration>,
    /// The challenge of RFC 6750 §3.
    pub(super) challenge: Option<&'static str>,
}

impl Descriptor {
    fn new(status: StatusCode, code: &'static str) -> Self {
        Self {
            status,
            code,
            detail: Cow::Borrowed(""),
            documentation: Cow::Borrowed(""),
            oauth_code: "invalid_request",
            retry_after: None,
            challenge: None,
        }
    }

    fn bad_request(code: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code)
            .documented("The request can not be understood, or what it presents is refused")
    }

    fn not_json(line: usize, column: usize) -> Self {
        Self::bad_request("malformed-request")
            .detail(format!("The body is not valid JSON: see line {line}, column {column}."))
    }

    fn unauthorized(code: &'static str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, code).documented("No access token, or one that is no longer good")
    }

    fn forbidden(code: &'static str) -> Self {
        Self::new(StatusCode::FORBIDDEN, code).oauth("access_denied")
    }

    fn too_large(limit: usize) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "content-too-large")
            .detail(format!("The body is larger than {limit} bytes."))
            .documented(format!("The body is larger than {} KiB", limit / 1024))
    }

    fn unprocessable(code: &'static str) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code)
            .documented("Fields are missing, unknown or not valid: all of them are named")
    }

    fn detail(self, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { detail: detail.into(), ..self }
    }

    fn documented(self, documentation: impl Into<Cow<'static, str>>) -> Self {
        Self { documentation: documentation.into(), ..self }
    }

    fn oauth(self, oauth_code: &'static str) -> Self {
        Self { oauth_code, ..self }
    }

    fn retry_after(self, wait: Duration) -> Self {
        Self { retry_after: Some(wait), ..self }
    }

    /// The same request may be served after `wait`.
    fn temporary(self, wait: Duration) -> Self {
        self.oauth("temporarily_unavailable").retry_after(wait)
    }

    /// The detail, which without its full stop is the documentation too.
    fn explained(self, detail: &'static str) -> Self {
        self.detail(detail).documented(detail.trim_end_matches('.'))
    }

    fn challenge(self, challenge: &'static str) -> Self {
        Self { challenge: Some(challenge), ..self }
    }
}

impl Error {
    /// The descriptor of this kind of error.
    pub(super) fn descriptor(&self) -> Descriptor {
        use StatusCode as Status;
        match self {
            Self::Malformed(detail) => Descriptor::bad_request("malformed-request").detail(*detail),
            Self::NotJson { line, column } => Descriptor::not_json(*line, *column),
            Self::InvalidRequest(_) => Descriptor::bad_request("invalid-request").detail(SEE_ERRORS),
            Self::InvalidGrant => Descriptor::bad_request("invalid-grant")
                .detail("The credentials are not valid.")
                .oauth("invalid_grant"),
            Self::UnsupportedGrantType => Descriptor::bad_request("unsupported-grant-type")
                .detail("This endpoint does not serve this grant type.")
                .oauth("unsupported_grant_type"),
            Self::Unauthenticated => Descriptor::unauthorized("unauthenticated")
                .detail("Sign in first.")
                .challenge(r#"Bearer realm="bookshelf""#),
            Self::InvalidToken => Descriptor::unauthorized("invalid-token")
                .detail("The access token is invalid or has expired.")
                .challenge(r#"Bearer realm="bookshelf", error="invalid_token""#),
            Self::Forbidden => Descriptor::forbidden("insufficient-scope")
                .detail("Your role does not permit this.")
                .documented("Signed in, but not as an administrator")
                .challenge(r#"Bearer realm="bookshelf", error="insufficient_scope""#),
            Self::ClosedAddress => Descriptor::forbidden("closed-address")
                .explained("This address is closed; use the public address of the API."),
            Self::NotFound => {
                Descriptor::new(Status::NOT_FOUND, "not-found").explained("There is nothing here.")
            }
            Self::MethodNotAllowed => Descriptor::new(Status::METHOD_NOT_ALLOWED, "method-not-allowed")
                .detail("This resource does not do that; see Allow.")
                .documented("The resource does not do this"),
            Self::PreconditionFailed => Descriptor::new(Status::PRECONDITION_FAILED, "precondition-failed")
                .detail("It has changed since; read it again.")
                .documented("It is no longer what If-Match says"),
            Self::Conflict(detail) => {
                Descriptor::new(Status::CONFLICT, "conflict").detail(*detail).documented("The name is taken")
            }
            Self::InProgress => Descriptor::new(Status::CONFLICT, "idempotency-in-progress")
                .explained("The first request with this Idempotency-Key is still being answered.")
                .retry_after(RETRY_WHEN_IN_PROGRESS),
            Self::KeyReused => Descriptor::unprocessable("idempotency-key-reused")
                .detail("This Idempotency-Key belongs to a request with another body."),
            Self::TooLarge(limit) => Descriptor::too_large(*limit),
            Self::UnsupportedMediaType(expected) => {
                Descriptor::new(Status::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type")
                    .detail(format!("The body must be sent as {expected}."))
                    .documented("The body is not of the right media type")
            }
            Self::Invalid(_) => Descriptor::unprocessable("invalid-fields").detail(SEE_ERRORS),
            Self::TooManyRequests(wait) => Descriptor::new(Status::TOO_MANY_REQUESTS, "too-many-requests")
                .explained("Too many requests; wait as long as Retry-After says.")
                .temporary(*wait),
            Self::Unavailable(_) => Descriptor::new(Status::SERVICE_UNAVAILABLE, "unavailable")
                .detail("A part of the service gives no answer; try again.")
                .documented("A store gives no answer; try again after Retry-After")
                .temporary(RETRY_WHEN_UNAVAILABLE),
            Self::Internal(_) => Descriptor::new(Status::INTERNAL_SERVER_ERROR, "internal-error")
                .detail("Something went wrong on our side.")
                .documented("A mistake in this program")
                .oauth("server_error"),
        }
    }

    /// The status of the response.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.descriptor().status
    }

    /// The kind of problem, the last part of its `type`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.descriptor().code
    }

    /// What is wrong with which field.
    #[must_use]
    pub fn fields(&self) -> &[FieldError] {
        match self {
            Self::Invalid(errors) | Self::InvalidRequest(errors) => errors,
            _ => &[],
        }
    }

    /// What only the log may know.
    #[must_use]
    pub fn cause(&self) -> Option<&str> {
        match self {
            Self::Unavailable(cause) | Self::Internal(cause) => Some(cause),
            _ => None,
        }
    }

    /// One field is wrong.
    #[must_use]
    pub fn invalid(field: &str, detail: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldError { field: field.to_owned(), detail: detail.into() }])
    }
}

/// The error travels beside an empty body, until the outermost layers render it: they know the request's id.
impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}
