//! Who is calling: a bearer token (RFC 6750 §2.1) whose session and role the database confirms at once.

use axum::extract::{FromRef, FromRequestParts};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;

use super::error::Error;
use crate::identity::sessions::{self, SignedIn};
use crate::identity::tokens::{Kind, Verifier};
use crate::stores::postgres::Postgres;

/// Somebody who is signed in.
pub struct Caller(pub SignedIn);

/// Somebody who is signed in and is an administrator.
pub struct Admin(pub SignedIn);

impl<S> FromRequestParts<S> for Caller
where
    S: Send + Sync,
    Verifier: FromRef<S>,
    Postgres: FromRef<S>,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        // A layer that had to know has asked already, and says so by this.
        if let Some(user) = parts.extensions.get::<SignedIn>() {
            return Ok(Self(user.clone()));
        }
        let token = bearer_token(&parts.headers)?;
        let claims =
            Verifier::from_ref(state).verify(token, Kind::Access).map_err(|_| Error::InvalidToken)?;
        let user_id = claims.sub.parse().map_err(|_| Error::InvalidToken)?;
        let live = sessions::find_live(&Postgres::from_ref(state), claims.sid, user_id).await?;
        live.map(Self).ok_or(Error::InvalidToken)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Admin
where
    Caller: FromRequestParts<S, Rejection = Error>,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let Caller(user) = Caller::from_request_parts(parts, state).await?;
        if user.role == sessions::ADMIN { Ok(Self(user)) } else { Err(Error::Forbidden) }
    }
}

/// The token that the request presents.
pub(super) fn bearer_token(headers: &HeaderMap) -> Result<&str, Error> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Err(Error::Unauthenticated) };
    if values.next().is_some() {
        return Err(Error::InvalidToken);
    }
    let text = value.to_str().map_err(|_| Error::InvalidToken)?;
    match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(token.trim_matches(' ')),
        // Another scheme: no token of ours was sent.
        _ => Err(Error::Unauthenticated),
    }
}
