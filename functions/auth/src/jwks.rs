//! `GET /.well-known/jwks.json` publishes the keys that tokens are verified with.

use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::IntoResponse;
use shared::http::openapi::RateLimited;
use shared::identity::tokens::{PublishedKeySet, Verifier};

/// List the public keys
///
/// With these another service checks the access tokens of this one (RFC 7517 §5). Two keys are listed while they are
/// exchanged.
#[utoipa::path(
    get, path = "/.well-known/jwks.json", tag = "auth",
    responses(
        (status = 200, description = "A JWK set", body = PublishedKeySet, content_type = "application/jwk-set+json"),
        RateLimited,
    ),
)]
pub(crate) async fn list_public_keys(State(verifier): State<Verifier>) -> impl IntoResponse {
    let headers = [(CONTENT_TYPE, "application/jwk-set+json"), (CACHE_CONTROL, "public, max-age=300")];
    (headers, verifier.public_keys().to_json())
}
