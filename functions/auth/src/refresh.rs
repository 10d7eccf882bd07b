//! `POST /auth/refresh`: refresh token rotation with reuse detection (RFC 9700 §4.14.2).

use std::borrow::Cow;

use axum::extract::State;
use shared::http::openapi::WithGrant;
use shared::http::{ClientIp, Error, FormOrJson, JsonResponse, Result};
use shared::identity::tokens::{Claims, Kind, Subject};
use shared::telemetry::metrics::{self, Metric};
use shared::validation::{Fields, FieldsSchema, FromFields, Paragraph};
use time::OffsetDateTime;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use utoipa::{PartialSchema, ToSchema};

use crate::App;
use crate::grant::{Grants, RefreshToken, TokenAnswer, digest};
use crate::security_log::Event;
use crate::store::{Rotation, Use};

/// The refresh grant (RFC 6749 §6).
pub(crate) struct RefreshGrant {
    /// `refresh_token`, if it is sent at all.
    grant_type: Option<Paragraph<100>>,
    refresh_token: Paragraph<10_000>,
}

impl PartialSchema for RefreshGrant {
    fn schema() -> RefOr<Schema> {
        FieldsSchema::form("The refresh grant (RFC 6749 §6).")
            .constant("grant_type", "refresh_token")
            .explained("grant_type", "`refresh_token`, if it is sent at all.")
            .required::<Paragraph<10_000>>("refresh_token", "eyJhbGciOiJFZERTQSIs…")
            .into()
    }
}

impl ToSchema for RefreshGrant {
    fn name() -> Cow<'static, str> {
        "RefreshGrant".into()
    }
}

impl FromFields for RefreshGrant {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let grant_type = fields.optional("grant_type");
        let refresh_token = fields.required("refresh_token");
        Some(Self { grant_type: grant_type?, refresh_token: refresh_token? })
    }
}

/// Exchanges a refresh token for its successor and a new access token.
#[utoipa::path(
    post, path = "/auth/refresh", tag = "auth",
    request_body(content((RefreshGrant = "application/x-www-form-urlencoded"), (RefreshGrant = "application/json"))),
    responses((status = 200, description = "Tokens", body = TokenAnswer), WithGrant),
)]
pub(crate) async fn refresh_tokens(
    State(app): State<App>,
    ip: ClientIp,
    FormOrJson(grant): FormOrJson<RefreshGrant>,
) -> Result<JsonResponse<TokenAnswer>> {
    if grant.grant_type.is_some_and(|name| name.as_str() != "refresh_token") {
        return Err(Error::UnsupportedGrantType);
    }
    let presented = grant.refresh_token.as_str();
    let Ok(claims) = app.verifier.verify(presented, Kind::Refresh) else {
        Event::new("refresh", "refused").record(ip);
        return Err(Error::InvalidGrant);
    };
    let user_id = claims.sub.parse().map_err(|_| Error::InvalidGrant)?;
    let now = OffsetDateTime::now_utc();
    let (successor, role) = rotate(&app, presented, &claims, user_id, now, ip).await?;
    let token = app.grants.sign(user_id, claims.sid, &successor);
    Event::new("refresh", "success").user(user_id).session(claims.sid).record(ip);
    let subject = Subject { user_id, session_id: claims.sid, role };
    Ok(JsonResponse(app.grants.answer(&subject, token, now)))
}

/// Marks the presented token as used and answers its one successor, under a lock on its session, so that
/// parallel refreshes and a logout happen one after the other.
async fn rotate(
    app: &App,
    presented: &str,
    claims: &Claims,
    user_id: i64,
    now: OffsetDateTime,
    ip: ClientIp,
) -> Result<(RefreshToken, String)> {
    let digest = digest(presented);
    let mut rotation = Rotation::begin(&app.store, claims.sid).await?;
    let Some(session) = rotation.live_session(user_id).await? else {
        rotation.give_up().await?;
        Event::new("refresh", "refused").user(user_id).session(claims.sid).record(ip);
        return Err(Error::InvalidGrant);
    };
    match rotation.find_use(&digest).await? {
        Some(Use::Unused) => {
            let successor = Grants::new_refresh_token(&session.role, now, session.expires_at);
            let token = app.grants.sign(user_id, claims.sid, &successor);
            rotation.exchange(&digest, &successor, &token).await?;
            Ok((successor, session.role))
        }
        Some(Use::Exchanged { ago, successor }) if ago < app.grants.grace() => {
            rotation.give_up().await?;
            Ok((successor, session.role))
        }
        Some(Use::Exchanged { .. }) => {
            // Somebody holds a copy. The end of the family is committed although this request fails.
            rotation.end_session().await?;
            metrics::count(Metric::TokenReuse);
            Event::new("refresh", "reuse").user(user_id).session(claims.sid).record(ip);
            Err(Error::InvalidGrant)
        }
        None => {
            rotation.give_up().await?;
            Event::new("refresh", "refused").user(user_id).session(claims.sid).record(ip);
            Err(Error::InvalidGrant)
        }
    }
}
