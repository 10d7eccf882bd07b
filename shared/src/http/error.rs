//! Everything a caller can be told when a request fails, and under which status.

use std::time::Duration;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::identity::passwords;
use crate::protection::{limiter, lockout};
use crate::stores::{idempotent_write, postgres, redis};
use crate::validation::FieldError;

/// A handler's answer.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a request failed, as its sender may know it. What only the log may know stays in
/// [`Error::Unavailable`] and [`Error::Internal`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// The request can't be understood: its JSON, its encoding, its form.
    Malformed(&'static str),
    /// A token request lacks parameters or holds unusable ones (RFC 6749 §5.2).
    InvalidRequest(Vec<FieldError>),
    /// OAuth's refusal of what was presented as a grant (RFC 6749 §5.2).
    InvalidGrant,
    /// OAuth's refusal of a grant type (RFC 6749 §5.2).
    UnsupportedGrantType,
    /// No credentials were sent.
    Unauthenticated,
    /// Credentials were sent and are not, or no longer, good.
    InvalidToken,
    /// Signed in, but this takes another role.
    Forbidden,
    /// There is no such resource.
    NotFound,
    /// The resource does not do this.
    MethodNotAllowed,
    /// The resource is no longer what `If-Match` says.
    PreconditionFailed,
    /// Something with this name exists.
    Conflict(&'static str),
    /// The same request, by its `Idempotency-Key`, is still being answered.
    InProgress,
    /// The `Idempotency-Key` belongs to a request with another body.
    KeyReused,
    /// The body is larger than this many bytes.
    TooLarge(usize),
    /// The body is not of this media type.
    UnsupportedMediaType(&'static str),
    /// Understood, but fields are missing, unknown or out of range: all of them.
    Invalid(Vec<FieldError>),
    /// A quota is used up, or a door is locked, for this long.
    TooManyRequests(Duration),
    /// A store gives no answer now. The text is for the log.
    Unavailable(String),
    /// A mistake in this program. The text is for the log.
    Internal(String),
}

/// How long a caller should wait when a store gives no answer.
const RETRY_WHEN_UNAVAILABLE: Duration = Duration::from_secs(1);

/// How long a caller should wait while its request is being answered: hardly any takes longer.
const RETRY_WHEN_IN_PROGRESS: Duration = Duration::from_secs(1);

/// Whether an answer of this status stands for good: the same request would be answered so again. Not so where a
/// store was away, and not where the answer depends on more than the request: on a session, a quota, a header.
#[must_use]
pub fn is_final(status: StatusCode) -> bool {
    const PASSING: [StatusCode; 4] = [
        StatusCode::UNAUTHORIZED,
        StatusCode::FORBIDDEN,
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        StatusCode::TOO_MANY_REQUESTS,
    ];
    !status.is_server_error() && !PASSING.contains(&status)
}

impl Error {
    /// The status it is answered with.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Malformed(_)
            | Self::InvalidRequest(_)
            | Self::InvalidGrant
            | Self::UnsupportedGrantType => StatusCode::BAD_REQUEST,
            Self::Unauthenticated | Self::InvalidToken => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Conflict(_) | Self::InProgress => StatusCode::CONFLICT,
            Self::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Invalid(_) | Self::KeyReused => StatusCode::UNPROCESSABLE_ENTITY,
            Self::TooManyRequests(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The kind of problem, the last part of its `type`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed-request",
            Self::InvalidRequest(_) => "invalid-request",
            Self::InvalidGrant => "invalid-grant",
            Self::UnsupportedGrantType => "unsupported-grant-type",
            Self::Unauthenticated => "unauthenticated",
            Self::InvalidToken => "invalid-token",
            Self::Forbidden => "insufficient-scope",
            Self::NotFound => "not-found",
            Self::MethodNotAllowed => "method-not-allowed",
            Self::Conflict(_) => "conflict",
            Self::PreconditionFailed => "precondition-failed",
            Self::InProgress => "idempotency-in-progress",
            Self::KeyReused => "idempotency-key-reused",
            Self::TooLarge(_) => "content-too-large",
            Self::UnsupportedMediaType(_) => "unsupported-media-type",
            Self::Invalid(_) => "invalid-fields",
            Self::TooManyRequests(_) => "too-many-requests",
            Self::Unavailable(_) => "unavailable",
            Self::Internal(_) => "internal-error",
        }
    }

    /// The `error` of RFC 6749 §5.2, which token endpoints send along. What that section has no word for
    /// takes the nearest of §4.1.2.1.
    #[must_use]
    pub fn oauth_code(&self) -> &'static str {
        match self {
            Self::InvalidGrant => "invalid_grant",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::TooManyRequests(_) | Self::Unavailable(_) => "temporarily_unavailable",
            Self::Internal(_) => "server_error",
            _ => "invalid_request",
        }
    }

    /// What the caller is told.
    #[must_use]
    pub fn detail(&self) -> String {
        match self {
            Self::Malformed(detail) | Self::Conflict(detail) => (*detail).to_owned(),
            Self::InvalidGrant => "The credentials are not valid.".to_owned(),
            Self::UnsupportedGrantType => "This endpoint does not serve this grant type.".to_owned(),
            Self::Unauthenticated => "Sign in first.".to_owned(),
            Self::InvalidToken => "The access token is invalid or has expired.".to_owned(),
            Self::Forbidden => "Your role does not permit this.".to_owned(),
            Self::NotFound => "There is nothing here.".to_owned(),
            Self::PreconditionFailed => "It has changed since; read it again.".to_owned(),
            Self::MethodNotAllowed => "This resource does not do that; see Allow.".to_owned(),
            Self::InProgress => {
                "The first request with this Idempotency-Key is still being answered.".to_owned()
            }
            Self::KeyReused => "This Idempotency-Key belongs to a request with another body.".to_owned(),
            Self::TooLarge(limit) => format!("The body is larger than {limit} bytes."),
            Self::UnsupportedMediaType(expected) => format!("The body must be sent as {expected}."),
            Self::Invalid(_) | Self::InvalidRequest(_) => "Some fields are not valid; see errors.".to_owned(),
            Self::TooManyRequests(_) => "Too many requests; wait as long as Retry-After says.".to_owned(),
            Self::Unavailable(_) => "A part of the service gives no answer; try again.".to_owned(),
            Self::Internal(_) => "Something went wrong on our side.".to_owned(),
        }
    }

    /// How long to wait before trying again makes sense.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::TooManyRequests(wait) => Some(*wait),
            Self::Unavailable(_) => Some(RETRY_WHEN_UNAVAILABLE),
            Self::InProgress => Some(RETRY_WHEN_IN_PROGRESS),
            _ => None,
        }
    }

    /// The challenge of RFC 6750 §3.
    #[must_use]
    pub fn challenge(&self) -> Option<&'static str> {
        match self {
            Self::Unauthenticated => Some(r#"Bearer realm="bookshelf""#),
            Self::InvalidToken => Some(r#"Bearer realm="bookshelf", error="invalid_token""#),
            Self::Forbidden => Some(r#"Bearer realm="bookshelf", error="insufficient_scope""#),
            _ => None,
        }
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

/// The error travels beside an empty body; [`super::problem`] writes it out at the edge, where the request
/// id is known.
impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<postgres::Error> for Error {
    fn from(error: postgres::Error) -> Self {
        match error {
            postgres::Error::Unavailable(_) => Self::Unavailable(error.to_string()),
            postgres::Error::Taken(_) | postgres::Error::Refused(_) => Self::Internal(error.to_string()),
        }
    }
}

impl From<idempotent_write::Error> for Error {
    fn from(error: idempotent_write::Error) -> Self {
        match error {
            idempotent_write::Error::Postgres(error) => error.into(),
            idempotent_write::Error::OtherContent => Self::KeyReused,
        }
    }
}

impl From<redis::Unavailable> for Error {
    fn from(error: redis::Unavailable) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<limiter::Unavailable> for Error {
    fn from(error: limiter::Unavailable) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<lockout::Error> for Error {
    fn from(error: lockout::Error) -> Self {
        match error {
            lockout::Error::Redis(error) => error.into(),
            lockout::Error::Fallback(error) => error.into(),
        }
    }
}

impl From<passwords::Unfinished> for Error {
    fn from(error: passwords::Unfinished) -> Self {
        Self::Unavailable(error.to_string())
    }
}
