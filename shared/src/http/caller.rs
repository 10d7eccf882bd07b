//! The signed-in user who sends a request: a bearer token (RFC 6750 §2.1) whose session and role the database confirms
//! each time. A "client" is whatever sends a request; a [`Caller`] is a client that has proved which user it acts for.

use axum::extract::{FromRef, FromRequestParts};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;

use super::error::Error;
use crate::identity::sessions::{self, SignedIn};
use crate::identity::tokens::{Kind, Verifier};
use crate::stores::postgres::Postgres;

/// An authenticated user: the client has presented a valid access token of a session that is live.
pub struct Caller(pub SignedIn);

/// An authenticated user with the role of an administrator.
pub struct Admin(pub SignedIn);

impl Caller {
    /// Finds the user by their token, and remembers them in the request: a layer and a handler that both want to know
    /// ask the database once.
    pub async fn identify(
        parts: &mut Parts,
        verifier: &Verifier,
        postgres: &Postgres,
    ) -> Result<Self, Error> {
        if let Some(user) = parts.extensions.get::<SignedIn>() {
            return Ok(Self(user.clone()));
        }
        let token = bearer_token(&parts.headers)?;
        let claims = verifier.verify(token, Kind::Access).map_err(|_| Error::InvalidToken)?;
        let user_id = claims.sub.parse().map_err(|_| Error::InvalidToken)?;
        let user = sessions::find_live(postgres, claims.sid, user_id).await?.ok_or(Error::InvalidToken)?;
        parts.extensions.insert(user.clone());
        Ok(Self(user))
    }
}

impl<S> FromRequestParts<S> for Caller
where
    S: Send + Sync,
    Verifier: FromRef<S>,
    Postgres: FromRef<S>,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        Self::identify(parts, &Verifier::from_ref(state), &Postgres::from_ref(state)).await
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
        // Another scheme: the request presents no token of ours.
        _ => Err(Error::Unauthenticated),
    }
}
