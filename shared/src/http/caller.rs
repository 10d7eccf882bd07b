//! The signed-in user who sends a request: a bearer token (RFC 6750 §2.1) whose session and role the database confirms
//! each time. A "client" is whatever sends a request; a [`Caller`] is a client that has proved which user it acts for.

use axum::extract::{FromRef, FromRequestParts};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;

use super::error::{Error, Result};
use crate::identity::sessions::{self, SignedIn};
use crate::identity::tokens::{Kind, Verifier};
use crate::stores::postgres::Postgres;

/// An authenticated user: the client has presented a valid access token of a session that is live.
pub struct Caller(pub SignedIn);

/// An authenticated user with the role of an administrator.
pub struct Admin(pub SignedIn);

/// Finds out which user sends a request.
#[derive(Clone)]
pub struct Authenticator {
    verifier: Verifier,
    postgres: Postgres,
}

/// The result for one request, remembered in it: a layer and a handler that both want to know ask the database once.
#[derive(Clone)]
struct Authenticated(Result<SignedIn>);

impl Authenticator {
    /// Verifies tokens with `verifier`, and looks their sessions up in `postgres`.
    #[must_use]
    pub fn new(verifier: Verifier, postgres: Postgres) -> Self {
        Self { verifier, postgres }
    }

    /// Finds the user by the token of the request.
    pub async fn identify(&self, parts: &mut Parts) -> Result<SignedIn> {
        if let Some(Authenticated(known)) = parts.extensions.get() {
            return known.clone();
        }
        let result = self.look_up(&parts.headers).await;
        parts.extensions.insert(Authenticated(result.clone()));
        result
    }

    async fn look_up(&self, headers: &HeaderMap) -> Result<SignedIn> {
        let token = bearer_token(headers)?;
        let claims = self.verifier.verify(token, Kind::Access).map_err(|_| Error::InvalidToken)?;
        let user_id = claims.sub.parse().map_err(|_| Error::InvalidToken)?;
        sessions::find_live(&self.postgres, claims.sid, user_id).await?.ok_or(Error::InvalidToken)
    }
}

impl<S> FromRequestParts<S> for Caller
where
    S: Send + Sync,
    Authenticator: FromRef<S>,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        Authenticator::from_ref(state).identify(parts).await.map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Admin
where
    Caller: FromRequestParts<S, Rejection = Error>,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let Caller(user) = Caller::from_request_parts(parts, state).await?;
        if user.role == sessions::ADMIN { Ok(Self(user)) } else { Err(Error::Forbidden) }
    }
}

/// The token that the request presents.
pub(super) fn bearer_token(headers: &HeaderMap) -> Result<&str> {
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
