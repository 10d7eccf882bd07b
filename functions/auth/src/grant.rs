//! What a sign-in or a refresh hands out: the lives of tokens, and the answer of RFC 6749 §5.1.

use serde::Serialize;
use sha2::{Digest, Sha256};
use shared::config::{self, Env};
use shared::identity::tokens::{ACCESS_TOKEN_LIFETIME, Issuer, Kind, Subject};
use time::{Duration, OffsetDateTime};
use utoipa::ToSchema;
use uuid::Uuid;

/// A session that isn't used for this long is over.
pub(crate) const IDLE_LIMIT: Duration = Duration::days(7);

/// A session is over after this long, however often it is used.
pub(crate) const ABSOLUTE_LIMIT: Duration = Duration::days(30);

const DEFAULT_GRACE_SECONDS: u32 = 10;

/// Issues tokens.
#[derive(Clone)]
pub(crate) struct Grants {
    issuer: Issuer,
    grace: Duration,
}

/// A refresh token as the database keeps it: all that is needed to sign the very same token once more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RefreshToken {
    pub(crate) jti: Uuid,
    pub(crate) role: String,
    pub(crate) issued_at: OffsetDateTime,
    pub(crate) expires_at: OffsetDateTime,
}

/// A successful token answer (RFC 6749 §5.1).
#[derive(Serialize, ToSchema)]
pub(crate) struct TokenAnswer {
    #[schema(example = "eyJhbGciOiJFZERTQSIs…")]
    access_token: String,
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// Seconds until the access token expires.
    #[schema(example = 600)]
    expires_in: i64,
    #[schema(example = "eyJhbGciOiJFZERTQSIs…")]
    refresh_token: String,
}

impl Grants {
    /// Reads `REFRESH_GRACE_SECONDS`: for how long a used refresh token still answers with its successor, 0 to
    /// 60 (default 10). A client whose answer got lost can try again; 0 forbids it.
    pub(crate) fn from_env(env: &Env, issuer: Issuer) -> Result<Self, config::Error> {
        let seconds = env.parsed("REFRESH_GRACE_SECONDS", DEFAULT_GRACE_SECONDS)?;
        if seconds > 60 {
            return Err(config::Error::invalid("REFRESH_GRACE_SECONDS", "is not from 0 to 60"));
        }
        Ok(Self { issuer, grace: Duration::seconds(i64::from(seconds)) })
    }

    /// How long a used refresh token still answers with its successor.
    pub(crate) fn grace(&self) -> Duration {
        self.grace
    }

    /// A new refresh token for a session that ends at `session_end`.
    pub(crate) fn new_refresh_token(
        role: &str,
        now: OffsetDateTime,
        session_end: OffsetDateTime,
    ) -> RefreshToken {
        // Tokens count whole seconds; the database must keep just what was signed.
        let issued_at = now.replace_nanosecond(0).unwrap_or(now);
        RefreshToken {
            jti: Uuid::now_v7(),
            role: role.to_owned(),
            issued_at,
            expires_at: (issued_at + IDLE_LIMIT).min(session_end),
        }
    }

    /// The refresh token itself.
    pub(crate) fn sign(&self, user_id: i64, session_id: Uuid, token: &RefreshToken) -> String {
        let subject = Subject { user_id, session_id, role: token.role.clone() };
        self.issuer.issue(Kind::Refresh, &subject, token.jti, token.issued_at, token.expires_at)
    }

    /// The answer that hands out `refresh_token` and a fresh access token.
    pub(crate) fn answer(
        &self,
        subject: &Subject,
        refresh_token: String,
        now: OffsetDateTime,
    ) -> TokenAnswer {
        TokenAnswer {
            access_token: self.issuer.issue(
                Kind::Access,
                subject,
                Uuid::now_v7(),
                now,
                now + ACCESS_TOKEN_LIFETIME,
            ),
            token_type: "Bearer",
            expires_in: ACCESS_TOKEN_LIFETIME.whole_seconds(),
            refresh_token,
        }
    }
}

/// What the database knows a token by.
pub(crate) fn digest(token: &str) -> Vec<u8> {
    Sha256::digest(token).to_vec()
}
