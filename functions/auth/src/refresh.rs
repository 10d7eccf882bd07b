//! `POST /auth/refresh`: refresh token rotation with reuse detection (RFC 9700 §4.14.2).
//!
//! A refresh token can be used once: using it issues its successor. Two uses of one token mean that somebody has a
//! copy, so the second use ends the session, unless it comes within the grace period: then it is taken for the retry
//! of a client whose response got lost, and gets the session's newest token, which is its successor unless that one was
//! used meanwhile.

use std::borrow::Cow;

use axum::extract::State;
use shared::http::openapi::WithGrant;
use shared::http::{ClientNetwork, Error, FormOrJson, JsonResponse, Result};
use shared::identity::tokens::{Kind, Verifier};
use shared::telemetry::metrics::{self, Metric};
use shared::validation::{Fields, FieldsSchema, FromFields, MultilineText};
use time::OffsetDateTime;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use utoipa::{PartialSchema, ToSchema};
use uuid::Uuid;

use crate::security_log::Event;
use crate::store::{Store, TokenState};
use crate::token_service::{SentToken, TokenResponse, TokenService};

/// The refresh grant (RFC 6749 §6).
pub(crate) struct RefreshGrant {
    /// `refresh_token`, if it is sent at all.
    grant_type: Option<MultilineText<100>>,
    refresh_token: SentToken,
}

impl PartialSchema for RefreshGrant {
    fn schema() -> RefOr<Schema> {
        FieldsSchema::form("The refresh grant (RFC 6749 §6).")
            .constant("grant_type", "refresh_token")
            .explained("grant_type", "`refresh_token`, if it is sent at all.")
            .required::<SentToken>("refresh_token", "eyJhbGciOiJFZERTQSIs…")
            .into()
    }
}

impl ToSchema for RefreshGrant {
    // The published name, which generated clients know: it stays when the type is renamed.
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

/// Exchange a refresh token for new tokens
///
/// The refresh grant of OAuth 2.0 (RFC 6749 §6). A refresh token is for one use: keep the one that is answered. Whoever
/// uses an old one again ends the session, since the token may have been stolen. The body may also be a JSON object.
#[utoipa::path(
    post, path = "/auth/refresh", tag = "auth",
    request_body(content = RefreshGrant, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, description = "Tokens", body = TokenResponse), WithGrant),
)]
pub(crate) async fn refresh_tokens(
    State(store): State<Store>,
    State(verifier): State<Verifier>,
    State(tokens): State<TokenService>,
    network: ClientNetwork,
    FormOrJson(grant): FormOrJson<RefreshGrant>,
) -> Result<JsonResponse<TokenResponse>> {
    if grant.grant_type.is_some_and(|name| name.as_str() != "refresh_token") {
        return Err(Error::UnsupportedGrantType);
    }
    let Some(presented) = PresentedToken::verify(&verifier, grant.refresh_token.as_str()) else {
        Refusal::InvalidToken.event().record(network);
        return Err(Error::InvalidGrant);
    };
    match rotate(&store, &tokens, &presented).await? {
        Ok(response) => {
            presented.identify(Event::new("refresh", "success")).record(network);
            Ok(JsonResponse(response))
        }
        Err(refusal) => {
            presented.identify(refusal.event()).record(network);
            Err(Error::InvalidGrant)
        }
    }
}

/// A refresh token whose signature is ours, and which has not expired.
struct PresentedToken<'a> {
    text: &'a str,
    user_id: i64,
    session_id: Uuid,
}

impl<'a> PresentedToken<'a> {
    fn verify(verifier: &Verifier, text: &'a str) -> Option<Self> {
        let claims = verifier.verify(text, Kind::Refresh).ok()?;
        Some(Self { text, user_id: claims.sub.parse().ok()?, session_id: claims.sid })
    }

    /// `event`, with the user and the session of this token.
    fn identify<'e>(&self, event: Event<'e>) -> Event<'e> {
        event.user(self.user_id).session(self.session_id)
    }
}

/// Why a refresh token is refused. The client is told `invalid_grant` each time; the security log tells the reasons
/// apart.
#[derive(Debug, Clone, Copy)]
enum Refusal {
    /// It is no refresh token of ours, or it has expired.
    InvalidToken,
    /// Its session has ended, or the user is disabled or gone.
    SessionEnded,
    /// It is well signed, but the session has no such token.
    UnknownToken,
    /// It was used before, within the grace period, and the session has no token that was not.
    Superseded,
    /// It was used before, and the grace period is over.
    Reused,
}

impl Refusal {
    fn event(self) -> Event<'static> {
        let (outcome, reason) = match self {
            Self::InvalidToken => ("refused", "invalid_token"),
            Self::SessionEnded => ("refused", "session_ended"),
            Self::UnknownToken => ("refused", "unknown_token"),
            Self::Superseded => ("refused", "superseded"),
            Self::Reused => ("reuse", "reused_after_grace"),
        };
        Event::new("refresh", outcome).reason(reason)
    }
}

/// Marks the presented token as used and returns its one successor, under a lock on its session, so that parallel
/// refreshes and a logout happen one after the other.
async fn rotate(
    store: &Store,
    tokens: &TokenService,
    presented: &PresentedToken<'_>,
) -> Result<Result<TokenResponse, Refusal>> {
    let now = OffsetDateTime::now_utc();
    let PresentedToken { text, user_id, session_id } = *presented;
    let (rotation, state) = store.begin_rotation(user_id, session_id, text).await?;
    let refusal = match state {
        TokenState::Unused { subject, session_end } => {
            let successor = tokens.new_refresh_token(&subject, now, session_end);
            rotation.exchange_for(&successor).await?;
            return Ok(Ok(tokens.response(&subject, successor, now)));
        }
        TokenState::Used { subject, ago, newest: Some(newest) } if ago < tokens.grace() => {
            // Not its successor, which may be used by now: a second use of that would end the session.
            rotation.roll_back().await?;
            return Ok(Ok(tokens.response(&subject, tokens.sign(&subject, newest), now)));
        }
        TokenState::Used { ago, .. } if ago < tokens.grace() => Refusal::Superseded,
        TokenState::Used { .. } => {
            // Somebody has a copy. The end of the session is committed although this request fails.
            rotation.end_session().await?;
            metrics::count(Metric::TokenReuse);
            return Ok(Err(Refusal::Reused));
        }
        TokenState::Unknown => Refusal::UnknownToken,
        TokenState::SessionEnded => Refusal::SessionEnded,
    };
    rotation.roll_back().await?;
    Ok(Err(refusal))
}
