//! `POST /auth/revoke`: token revocation (RFC 7009). The session ends, and with it all of its tokens.

use std::borrow::Cow;

use axum::extract::State;
use shared::http::openapi::WithGrant;
use shared::http::{ClientNetwork, Form, Result};
use shared::identity::tokens::{Claims, Kind, Verifier};
use shared::validation::{Fields, FieldsSchema, FromFields, MultilineText};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use utoipa::{PartialSchema, ToSchema};
use uuid::Uuid;

use crate::security_log::Event;
use crate::store::{EndReason, Store};
use crate::token_service::SentToken;

/// A token to revoke (RFC 7009 §2.1).
pub(crate) struct Revocation {
    /// An access or a refresh token; its whole session ends.
    token: SentToken,
}

impl PartialSchema for Revocation {
    fn schema() -> RefOr<Schema> {
        FieldsSchema::form("A token to revoke (RFC 7009 §2.1).")
            .required::<SentToken>("token", "eyJhbGciOiJFZERTQSIs…")
            .explained("token", "An access or a refresh token; its whole session ends.")
            .optional::<MultilineText<100>>("token_type_hint", "refresh_token")
            .explained(
                "token_type_hint",
                "`access_token` or `refresh_token`; a hint that is not needed here.",
            )
            .into()
    }
}

impl ToSchema for Revocation {
    // The published name, which generated clients know: it stays when the type is renamed.
    fn name() -> Cow<'static, str> {
        "TokenRevocation".into()
    }
}

impl FromFields for Revocation {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let token = fields.required("token");
        // A hint that is not needed here, but must be one.
        let hint = fields.optional::<MultilineText<100>>("token_type_hint");
        hint.and(token).map(|token| Self { token })
    }
}

/// Revoke a token
///
/// Ends the session of an access or a refresh token (RFC 7009). A token that is unknown or already invalid gets the
/// same response.
#[utoipa::path(
    post, path = "/auth/revoke", tag = "auth",
    request_body(content = Revocation, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, description = "The token is worth nothing now"), WithGrant),
)]
pub(crate) async fn revoke_token(
    State(store): State<Store>,
    State(verifier): State<Verifier>,
    network: ClientNetwork,
    Form(revocation): Form<Revocation>,
) -> Result<()> {
    if let Some((user_id, session_id)) = session_of(&verifier, revocation.token.as_str())
        && store.end_session(user_id, session_id, EndReason::Revoked).await?
    {
        Event::new("revoke", "success").user(user_id).session(session_id).record(network);
    }
    Ok(())
}

/// The user and the session of a token that is valid, of either kind.
fn session_of(verifier: &Verifier, token: &str) -> Option<(i64, Uuid)> {
    let of_kind = |kind| verifier.verify(token, kind).ok();
    let Claims { sub, sid, .. } = of_kind(Kind::Refresh).or_else(|| of_kind(Kind::Access))?;
    Some((sub.parse().ok()?, sid))
}
