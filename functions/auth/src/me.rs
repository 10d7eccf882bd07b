//! `GET /auth/me` tells a user who is signed in.

use shared::http::openapi::{RateLimited, SignedIn, Stored};
use shared::http::{Caller, JsonResponse};

use crate::register::Profile;

/// Show who is signed in
///
/// Name and role as they are now, not as they were when the token was issued.
#[utoipa::path(
    get, path = "/auth/me", tag = "auth", security(("password" = [])),
    responses((status = 200, description = "You", body = Profile), SignedIn, RateLimited, Stored),
)]
pub(crate) async fn show_me(Caller(user): Caller) -> JsonResponse<Profile> {
    JsonResponse(Profile { id: user.user_id, username: user.username, role: user.role })
}
