//! Issues the tokens of a session and writes the token response of RFC 6749 §5.1.
//!
//! A refresh token is a signed JWT. The database keeps a digest of it and its record, which holds all that went into
//! the signature. Ed25519 signatures are deterministic, so signing the record again gives the same token byte for
//! byte: a refresh that is repeated within the grace period gets the successor that the first one got, although no
//! token is stored.

use serde::Serialize;
use sha2::{Digest, Sha256};
use shared::config::{self, Env};
use shared::identity::tokens::{ACCESS_TOKEN_LIFETIME, Issuer, Kind, Subject};
use shared::validation::MultilineText;
use time::{Duration, OffsetDateTime};
use utoipa::ToSchema;
use uuid::Uuid;

/// A session that isn't used for this long is over.
pub(crate) const IDLE_LIMIT: Duration = Duration::days(7);

/// A session is over after this long, however often it is used.
pub(crate) const ABSOLUTE_LIMIT: Duration = Duration::days(30);

/// A token as a client sends it, before it is verified. The limit is far above the length of a token that is issued
/// here, and tabs and line ends are accepted as in any OAuth parameter: what is no token fails the verification.
pub(crate) type SentToken = MultilineText<10_000>;

const DEFAULT_GRACE_SECONDS: u32 = 10;

/// Issues tokens.
#[derive(Clone)]
pub(crate) struct TokenService {
    issuer: Issuer,
    grace: Duration,
}

/// A refresh token as the client gets it, with the record that the database keeps of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct RefreshToken {
    pub(crate) record: RefreshTokenRecord,
    pub(crate) text: String,
}

/// All that is needed, beside the user and the session, to sign the very same refresh token once more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RefreshTokenRecord {
    pub(crate) jti: Uuid,
    pub(crate) role: String,
    pub(crate) issued_at: OffsetDateTime,
    pub(crate) expires_at: OffsetDateTime,
}

/// A successful token answer (RFC 6749 §5.1).
#[derive(Serialize, ToSchema)]
// The published name, which generated clients know: it stays when the type is renamed.
#[schema(as = TokenResponse)]
pub(crate) struct TokenResponse {
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

impl TokenService {
    /// Reads `REFRESH_GRACE_SECONDS`: the grace period, 0 to 60 seconds (default 10). A client whose response got lost
    /// can try again within it; 0 forbids that.
    pub(crate) fn from_env(env: &Env, issuer: Issuer) -> Result<Self, config::Error> {
        let seconds = env.parsed("REFRESH_GRACE_SECONDS", DEFAULT_GRACE_SECONDS)?;
        if seconds > 60 {
            return Err(config::Error::invalid("REFRESH_GRACE_SECONDS", "is not from 0 to 60"));
        }
        Ok(Self { issuer, grace: Duration::seconds(i64::from(seconds)) })
    }

    /// The time in which a used refresh token can still be exchanged, for the same successor.
    pub(crate) fn grace(&self) -> Duration {
        self.grace
    }

    /// A new refresh token for a session that ends at `session_end`.
    pub(crate) fn new_refresh_token(
        &self,
        subject: &Subject,
        now: OffsetDateTime,
        session_end: OffsetDateTime,
    ) -> RefreshToken {
        // Tokens count whole seconds; the record must hold just what was signed.
        let issued_at = now.replace_nanosecond(0).unwrap_or(now);
        let record = RefreshTokenRecord {
            jti: Uuid::now_v7(),
            role: subject.role.clone(),
            issued_at,
            expires_at: (issued_at + IDLE_LIMIT).min(session_end),
        };
        self.sign(subject, record)
    }

    /// The refresh token of this record. Its role is the record's, whatever role the user has meanwhile.
    pub(crate) fn sign(&self, subject: &Subject, record: RefreshTokenRecord) -> RefreshToken {
        let subject = Subject { role: record.role.clone(), ..*subject };
        let text =
            self.issuer.issue(Kind::Refresh, &subject, record.jti, record.issued_at, record.expires_at);
        RefreshToken { record, text }
    }

    /// The response with `refresh_token` and a new access token.
    pub(crate) fn response(
        &self,
        subject: &Subject,
        refresh_token: RefreshToken,
        now: OffsetDateTime,
    ) -> TokenResponse {
        TokenResponse {
            access_token: self.issuer.issue(
                Kind::Access,
                subject,
                Uuid::now_v7(),
                now,
                now + ACCESS_TOKEN_LIFETIME,
            ),
            token_type: "Bearer",
            expires_in: ACCESS_TOKEN_LIFETIME.whole_seconds(),
            refresh_token: refresh_token.text,
        }
    }
}

/// The primary key of a refresh token: its SHA-256. The database has no more of it, so nobody can use a token that they
/// read there.
pub(crate) fn digest(token: &str) -> Vec<u8> {
    Sha256::digest(token).to_vec()
}
