//! Access and refresh tokens: JWTs (RFC 7519, RFC 9068) signed with Ed25519 (RFC 8037).
//!
//! The key decides the algorithm, never the token. Only `auth` has an [`Issuer`]; every function that lets
//! people in has a [`Verifier`].

mod keys;
mod provider;
mod schema;

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::config::{self, Env};
pub use keys::PublicKeys;
pub use schema::PublishedKeySet;
pub use signing_keys::{GeneratedKeys, generate, jwk_set};

/// How long an access token lives.
pub const ACCESS_LIFE: Duration = Duration::minutes(10);

/// How far the clocks of two machines may be apart, in seconds.
const LEEWAY_S: u64 = 5;

/// A token longer than this many bytes is refused undecoded.
const LONGEST: usize = 8 * 1024;

/// What a token is for; its `typ` header, so that one can't be used as the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Presented to every function, lives for [`ACCESS_LIFE`].
    Access,
    /// Presented to `auth` alone, once.
    Refresh,
}

impl Kind {
    fn typ(self) -> &'static str {
        match self {
            Self::Access => "at+jwt",
            Self::Refresh => "rt+jwt",
        }
    }
}

/// What a token says. Times are Unix seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Issuer: `JWT_ISSUER`.
    pub iss: String,
    /// Audience: `JWT_AUDIENCE`.
    pub aud: String,
    /// The user's id.
    pub sub: String,
    /// The session, which is also the family that refresh tokens rotate in.
    pub sid: Uuid,
    /// This token.
    pub jti: Uuid,
    /// Issued at.
    pub iat: i64,
    /// Not valid before.
    pub nbf: i64,
    /// Not valid from here on.
    pub exp: i64,
    /// The user's role when the token was issued; a hint for clients, the database decides.
    pub role: String,
}

/// Whom a token is issued to.
#[derive(Debug, Clone)]
pub struct Subject {
    /// The user's id.
    pub user_id: i64,
    /// The session.
    pub session_id: Uuid,
    /// The user's role.
    pub role: String,
}

/// The token is not one of ours, or no longer, or not of this kind. Deliberately says no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the token is invalid")]
pub struct Invalid;

/// Signs tokens.
#[derive(Clone)]
pub struct Issuer {
    key: EncodingKey,
    kid: String,
    iss: String,
    aud: String,
}

impl Issuer {
    /// Reads `JWT_PRIVATE_KEY` (PKCS#8 PEM; line ends may be written as `\n`), `JWT_PUBLIC_KEYS`,
    /// `JWT_ISSUER` and `JWT_AUDIENCE`. The public half must be among the public keys.
    pub fn from_env(env: &Env) -> Result<Self, config::Error> {
        provider::install();
        let (key, public) = keys::private_key(env)?;
        let kid = PublicKeys::from_env(env)?.kid_of(&public).ok_or_else(|| {
            config::Error::invalid("JWT_PUBLIC_KEYS", "lacks the public half of JWT_PRIVATE_KEY")
        })?;
        let (iss, aud) = issuer_and_audience(env)?;
        Ok(Self { key, kid, iss, aud })
    }

    /// Signs a token with the given `jti`. The same arguments give the same token, byte for byte, since
    /// Ed25519 signatures are deterministic: a refresh can be answered again without storing its answer.
    ///
    /// # Panics
    /// Never: the key was checked when it was read.
    #[must_use]
    pub fn issue(
        &self,
        kind: Kind,
        subject: &Subject,
        jti: Uuid,
        issued_at: OffsetDateTime,
        expires_at: OffsetDateTime,
    ) -> String {
        let header = Header {
            typ: Some(kind.typ().to_owned()),
            kid: Some(self.kid.clone()),
            ..Header::new(Algorithm::EdDSA)
        };
        let claims = Claims {
            iss: self.iss.clone(),
            aud: self.aud.clone(),
            sub: subject.user_id.to_string(),
            sid: subject.session_id,
            jti,
            iat: issued_at.unix_timestamp(),
            nbf: issued_at.unix_timestamp(),
            exp: expires_at.unix_timestamp(),
            role: subject.role.clone(),
        };
        jsonwebtoken::encode(&header, &claims, &self.key).expect("a key that was checked signs")
    }
}

/// Checks tokens; cloning shares the keys.
#[derive(Clone)]
pub struct Verifier {
    keys: PublicKeys,
    validation: Arc<Validation>,
}

impl Verifier {
    /// Reads `JWT_PUBLIC_KEYS`, `JWT_ISSUER` and `JWT_AUDIENCE`.
    pub fn from_env(env: &Env) -> Result<Self, config::Error> {
        provider::install();
        let (issuer, audience) = issuer_and_audience(env)?;
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.leeway = LEEWAY_S;
        validation.validate_nbf = true;
        validation.set_issuer(&[issuer]);
        validation.set_audience(&[audience]);
        validation.set_required_spec_claims(&["exp", "nbf", "iss", "aud", "sub"]);
        Ok(Self { keys: PublicKeys::from_env(env)?, validation: Arc::new(validation) })
    }

    /// What `token` says, if it is one of ours, of this kind, and valid now.
    pub fn verify(&self, token: &str, kind: Kind) -> Result<Claims, Invalid> {
        if token.len() > LONGEST {
            return Err(Invalid);
        }
        let mut parts = token.split('.');
        let header = ProtectedHeader::of(parts.next().ok_or(Invalid)?)?;
        // A claim that is skipped unread would be skipped unchecked (RFC 7519 §7.2: UTF-8).
        std::str::from_utf8(&decode(parts.next().ok_or(Invalid)?)?).map_err(|_| Invalid)?;
        if header.alg != "EdDSA" || header.typ != kind.typ() {
            return Err(Invalid);
        }
        let key = self.keys.find(&header.kid).ok_or(Invalid)?;
        let token = jsonwebtoken::decode::<Claims>(token, key, &self.validation).map_err(|_| Invalid)?;
        Ok(token.claims)
    }

    /// The keys that tokens are checked with, as a JWK set (RFC 7517 §5).
    #[must_use]
    pub fn public_keys(&self) -> &PublicKeys {
        &self.keys
    }
}

/// The only header that our tokens have. Anything more (`jwk`, `jku`, `x5u`, `crit` …) is refused unread.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProtectedHeader {
    alg: String,
    typ: String,
    kid: String,
}

impl ProtectedHeader {
    fn of(header: &str) -> Result<Self, Invalid> {
        serde_json::from_slice(&decode(header)?).map_err(|_| Invalid)
    }
}

fn decode(part: &str) -> Result<Vec<u8>, Invalid> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| Invalid)
}

fn issuer_and_audience(env: &Env) -> Result<(String, String), config::Error> {
    Ok((env.required("JWT_ISSUER")?.to_owned(), env.required("JWT_AUDIENCE")?.to_owned()))
}

#[cfg(test)]
mod tests;
