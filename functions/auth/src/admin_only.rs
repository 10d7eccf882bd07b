//! `GET /auth/admin-only` shows what a role permits.

use serde::Serialize;
use shared::http::openapi::{AdminOnly, RateLimited, Stored};
use shared::http::{Admin, JsonResponse};
use utoipa::ToSchema;

/// A word for administrators.
#[derive(Serialize, ToSchema)]
// The published name, which generated clients know: it stays when the type is renamed.
#[schema(as = AdminGreeting)]
pub(crate) struct Greeting {
    #[schema(example = "Welcome, ada.")]
    message: String,
}

/// Greet an administrator
///
/// Shows what a role opens: administrators get a greeting, other users a 403.
#[utoipa::path(
    get, path = "/auth/admin-only", tag = "auth", security(("password" = [])),
    responses((status = 200, description = "A greeting", body = Greeting), AdminOnly, RateLimited, Stored),
)]
pub(crate) async fn greet_admin(Admin(admin): Admin) -> JsonResponse<Greeting> {
    JsonResponse(Greeting { message: format!("Welcome, {}.", admin.username) })
}
