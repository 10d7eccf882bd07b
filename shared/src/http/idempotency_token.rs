//! The extractor of the token that the idempotency layer has put into the request.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::stores::idempotent_write::IdempotencyToken;

impl<S: Sync> FromRequestParts<S> for IdempotencyToken {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_default())
    }
}
