//! `POST /auth/logout` ends one session, `POST /auth/logout-all` every session of the user.

use axum::extract::State;
use axum::http::StatusCode;
use shared::http::openapi::{RateLimited, SignedIn, Stored};
use shared::http::{Caller, ClientNetwork, Result};

use crate::security_log::Event;
use crate::store::{EndReason, Store};

/// Sign out
///
/// Ends the session of the access token that is sent: its access and refresh tokens are refused from now on.
#[utoipa::path(
    post, path = "/auth/logout", tag = "auth", security(("password" = [])),
    responses((status = 204, description = "Signed out"), SignedIn, RateLimited, Stored),
)]
pub(crate) async fn log_out(
    State(store): State<Store>,
    Caller(user): Caller,
    network: ClientNetwork,
) -> Result<StatusCode> {
    store.end_session(user.user_id, user.session_id, EndReason::Logout).await?;
    Event::new("logout", "success").user(user.user_id).session(user.session_id).record(network);
    Ok(StatusCode::NO_CONTENT)
}

/// Sign out everywhere
///
/// Ends all your sessions, this one included.
#[utoipa::path(
    post, path = "/auth/logout-all", tag = "auth", security(("password" = [])),
    responses((status = 204, description = "Signed out everywhere"), SignedIn, RateLimited, Stored),
)]
pub(crate) async fn log_out_everywhere(
    State(store): State<Store>,
    Caller(user): Caller,
    network: ClientNetwork,
) -> Result<StatusCode> {
    store.end_all_sessions(user.user_id).await?;
    Event::new("logout-all", "success").user(user.user_id).session(user.session_id).record(network);
    Ok(StatusCode::NO_CONTENT)
}
