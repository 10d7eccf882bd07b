//! `POST /auth/revoke`: token revocation (RFC 7009).

use std::borrow::Cow;

use axum::extract::State;
use shared::http::openapi::WithGrant;
use shared::http::{ClientIp, Form, Result};
use shared::identity::tokens::{Claims, Kind};
use shared::validation::{Fields, FieldsSchema, FromFields, Paragraph};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use utoipa::{PartialSchema, ToSchema};

use crate::App;
use crate::security_log::Event;
use crate::store::EndReason;

/// A token to revoke (RFC 7009 §2.1).
pub(crate) struct Revocation {
    /// An access or a refresh token; its whole session ends.
    token: Paragraph<10_000>,
}

impl PartialSchema for Revocation {
    fn schema() -> RefOr<Schema> {
        FieldsSchema::form("A token to revoke (RFC 7009 §2.1).")
            .required::<Paragraph<10_000>>("token", "eyJhbGciOiJFZERTQSIs…")
            .explained("token", "An access or a refresh token; its whole session ends.")
            .optional::<Paragraph<100>>("token_type_hint", "refresh_token")
            .explained(
                "token_type_hint",
                "`access_token` or `refresh_token`; a hint that is not needed here.",
            )
            .into()
    }
}

impl ToSchema for Revocation {
    fn name() -> Cow<'static, str> {
        "Revocation".into()
    }
}

impl FromFields for Revocation {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let token = fields.required("token");
        // A hint that is not needed here, but must be one.
        let hint = fields.optional::<Paragraph<100>>("token_type_hint");
        hint.and(token).map(|token| Self { token })
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
