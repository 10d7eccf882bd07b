//! `GET /auth/sessions` lists the live sessions of a user, `DELETE /auth/sessions/{id}` ends one of them.

use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use shared::http::openapi::{RateLimited, SignedIn, Stored, WithId, WithQuery};
use shared::http::{Admission, Caller, ClientNetwork, Error, JsonResponse, Query, Result, UuidId};
use shared::validation::{Fields, FromFields};
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::security_log::Event;
use crate::store::{EndReason, LIVE_SESSIONS, SessionRow, Store};

/// The list takes no parameters, and refuses any: all sessions are on its one page.
pub(crate) struct NoParameters;

impl FromFields for NoParameters {
    fn from_fields(_: &mut Fields) -> Option<Self> {
        Some(Self)
    }
}

/// Where somebody is signed in.
#[derive(Serialize, ToSchema)]
pub(crate) struct Session {
    #[schema(example = "0193b3e6-7e0c-7b6f-9f57-2d6a2f1c9a10")]
    id: Uuid,
    /// When the sign-in was.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    created_at: OffsetDateTime,
    /// When a token of the session was last refreshed, or the sign-in.
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    last_used_at: OffsetDateTime,
    /// The network that the sign-in came from.
    #[schema(example = "203.0.113.7")]
    ip: String,
    /// Whether this is the session that asks.
    current: bool,
}

/// The live sessions, the last used first.
#[derive(Serialize, ToSchema)]
// The published name, which generated clients know: it stays when the type is renamed.
#[schema(as = SessionPage)]
pub(crate) struct Sessions {
    items: Vec<Session>,
    #[schema(example = 1)]
    page: i64,
    #[schema(example = 100)]
    page_size: i64,
    #[schema(minimum = 0, example = 1)]
    total: usize,
}

/// List your sessions
///
/// Where you are signed in: since when, from which network, when last used. There are at most a hundred; one more
/// sign-in ends the session that was unused longest.
#[utoipa::path(
    get, path = "/auth/sessions", tag = "auth", security(("password" = [])),
    responses((status = 200, description = "Your live sessions", body = Sessions), WithQuery, SignedIn, RateLimited, Stored),
)]
pub(crate) async fn list_sessions(
    State(store): State<Store>,
    Caller(user): Caller,
    _: Query<NoParameters>,
    admission: Admission,
) -> Result<JsonResponse<Sessions>> {
    admission.granted().await?;
    let rows = store.list_sessions(user.user_id).await?;
    let show = |SessionRow { id, created_at, last_used_at, network }| Session {
        id,
        created_at,
        last_used_at,
        ip: network,
        current: id == user.session_id,
    };
    let items: Vec<_> = rows.into_iter().map(show).collect();
    Ok(JsonResponse(Sessions { total: items.len(), items, page: 1, page_size: LIVE_SESSIONS }))
}

/// End one of your sessions
///
/// Its access and refresh tokens are refused from now on.
#[utoipa::path(
    delete, path = "/auth/sessions/{id}", tag = "auth", params(UuidId), security(("password" = [])),
    responses((status = 204, description = "The session is over"), WithId, SignedIn, RateLimited, Stored),
)]
pub(crate) async fn end_session(
    State(store): State<Store>,
    Caller(user): Caller,
    network: ClientNetwork,
    UuidId(id): UuidId,
) -> Result<StatusCode> {
    if !store.end_session(user.user_id, id, EndReason::Logout).await? {
        return Err(Error::NotFound);
    }
    Event::new("logout", "success").user(user.user_id).session(id).record(network);
    Ok(StatusCode::NO_CONTENT)
}
