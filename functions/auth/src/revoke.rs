//! `POST /auth/revoke`: token revocation (RFC 7009).

use axum::extract::State;
use shared::http::openapi::WithGrant;
use shared::http::{ClientIp, Form, Result};
use shared::identity::tokens::{Claims, Kind};
use shared::validation::{Fields, FromFields, Paragraph};
use utoipa::ToSchema;

use crate::App;
use crate::security_log::Event;
use crate::store::EndReason;

/// A token to revoke (RFC 7009 §2.1).
#[derive(ToSchema)]
pub(crate) struct Revocation {
    /// An access or a refresh token; its whole session ends.
    #[schema(value_type = String, min_length = 1, max_length = 10000, pattern = "^[^\\u0000-\\u0008\\u000b\\u000c\\u000e-\\u001f]*$", example = "eyJhbGciOiJFZERTQSIs…")]
    token: Paragraph<10_000>,
    /// `access_token` or `refresh_token`; a hint that is not needed here.
    #[schema(value_type = String, required = false, max_length = 100, pattern = "^[^\\u0000-\\u0008\\u000b\\u000c\\u000e-\\u001f]*$", example = "refresh_token")]
    #[expect(dead_code, reason = "read for the documentation alone")]
    token_type_hint: Option<Paragraph<100>>,
}

impl FromFields for Revocation {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let token = fields.required("token");
        let token_type_hint = fields.optional("token_type_hint");
        Some(Self { token: token?, token_type_hint: token_type_hint? })
    }
}

/// Ends the session that a token belongs to. A token that means nothing is answered just so (RFC 7009 §2.2).
#[utoipa::path(
    post, path = "/auth/revoke", tag = "auth",
    request_body(content = Revocation, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, description = "The token is worth nothing now"), WithGrant),
)]
pub(crate) async fn revoke_token(
    State(app): State<App>,
    ip: ClientIp,
    Form(revocation): Form<Revocation>,
) -> Result<()> {
    if let Some((user_id, session_id)) = session_of(&app, revocation.token.as_str())
        && app.store.end_session(user_id, session_id, EndReason::Revoked).await?
    {
        Event::new("revoke", "success").user(user_id).session(session_id).record(ip);
    }
    Ok(())
}

fn session_of(app: &App, token: &str) -> Option<(i64, uuid::Uuid)> {
    let of_kind = |kind| app.verifier.verify(token, kind).ok();
    let Claims { sub, sid, .. } = of_kind(Kind::Refresh).or_else(|| of_kind(Kind::Access))?;
    Some((sub.parse().ok()?, sid))
}
