//! `POST /auth/refresh`: refresh token rotation with reuse detection (RFC 9700 §4.14.2).

use axum::extract::State;
use shared::http::openapi::WithGrant;
use shared::http::{ClientIp, Error, FormOrJson, JsonResponse, Result};
use shared::identity::tokens::{Claims, Kind, Subject};
use shared::telemetry::metrics::{self, Metric};
use shared::validation::{Fields, FromFields, Paragraph};
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::App;
use crate::grant::{Grants, RefreshToken, TokenAnswer, digest};
use crate::security_log::Event;
use crate::store::{Rotation, Use};

/// The refresh grant (RFC 6749 §6).
#[derive(ToSchema)]
pub(crate) struct RefreshGrant {
    /// `refresh_token`, if it is sent at all.
    #[schema(value_type = String, required = false, pattern = "^(refresh_token)?$", example = "refresh_token")]
    grant_type: Option<Paragraph<100>>,
    #[schema(value_type = String, min_length = 1, max_length = 10000, pattern = "^[^\\u0000-\\u0008\\u000b\\u000c\\u000e-\\u001f]*$", example = "eyJhbGciOiJFZERTQSIs…")]
    refresh_token: Paragraph<10_000>,
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
