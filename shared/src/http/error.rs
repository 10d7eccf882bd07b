//! Everything a caller can be told when a request fails, and under which status.

use std::time::Duration;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::fields::FieldError;
use crate::{limiter, lockout, passwords, postgres, redis};

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
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
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
            postgres::Error::Refused(_) => Self::Internal(error.to_string()),
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
