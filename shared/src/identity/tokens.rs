//! Access and refresh tokens: JWTs (RFC 7519, RFC 9068) signed with Ed25519 (RFC 8037).
//!
//! One function has the private key and so an [`Issuer`]; every one that accepts tokens has a [`Verifier`] with the
//! public keys. A token names its key by `kid`, and the key decides the algorithm, never the token. The header `typ`
//! tells access tokens from refresh tokens, so that neither is accepted as the other. Whatever is wrong with a token,
//! the verifier says only [`Invalid`].

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

/// The lifetime of an access token.
pub const ACCESS_TOKEN_LIFETIME: Duration = Duration::minutes(10);

/// The tolerated difference between the clocks of two machines, in seconds.
const LEEWAY_S: u64 = 5;

/// The longest token in bytes. A longer one is refused undecoded.
const MAX_TOKEN_LENGTH: usize = 8 * 1024;

/// The purpose of a token, which its header `typ` tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Presented to every function, valid for [`ACCESS_TOKEN_LIFETIME`].
    Access,
    /// Presented to the function that issued it alone, once.
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

/// The claims of a token. Times are in seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The issuer: `JWT_ISSUER`.
    pub iss: String,
    /// The audience: `JWT_AUDIENCE`.
    pub aud: String,
    /// The user's id.
    pub sub: String,
    /// The session's id, which is also the family in which refresh tokens rotate.
    pub sid: Uuid,
    /// The token's id.
    pub jti: Uuid,
    /// When the token was issued.
    pub iat: i64,
    /// The token is not valid before this time.
    pub nbf: i64,
    /// The token is not valid from this time on.
    pub exp: i64,
    /// The user's role when the token was issued. A hint for clients; permissions follow the role in the database.
    pub role: String,
}

/// The user and session that a token is issued to.
#[derive(Debug, Clone)]
pub struct Subject {
    /// The user's id.
    pub user_id: i64,
    /// The session's id.
    pub session_id: Uuid,
    /// The user's role.
    pub role: String,
}

/// The token was not signed by a key of ours, has expired, or is of another kind. Says deliberately no more.
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
    /// `JWT_ISSUER` and `JWT_AUDIENCE`. The public half of the private key must be among the public keys.
    pub fn from_env(env: &Env) -> Result<Self, config::Error> {
        provider::install();
        let (key, public) = keys::private_key(env)?;
        let kid = PublicKeys::from_env(env)?.kid_of(&public).ok_or_else(|| {
            config::Error::invalid("JWT_PUBLIC_KEYS", "lacks the public half of JWT_PRIVATE_KEY")
        })?;
        let (iss, aud) = issuer_and_audience(env)?;
        Ok(Self { key, kid, iss, aud })
    }

    /// Signs a token with the id `jti`. The same arguments give the same token, byte for byte, since Ed25519 signatures
    /// are deterministic: a refresh can be repeated with the same result without storing any token.
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
        jsonwebtoken::encode(&header, &claims, &self.key).expect("the key was checked")
    }
}

/// Verifies tokens; cloning shares the keys.
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

    /// Verifies that `token` is signed by one of the keys, of this kind, and valid now. Returns its claims.
    pub fn verify(&self, token: &str, kind: Kind) -> Result<Claims, Invalid> {
        if token.len() > MAX_TOKEN_LENGTH {
            return Err(Invalid);
        }
        let mut parts = token.split('.');
        let header = ProtectedHeader::parse(parts.next().ok_or(Invalid)?)?;
        // All claims must be UTF-8 (RFC 7519 §7.2); the parser does not check those that it skips.
        std::str::from_utf8(&decode_base64url(parts.next().ok_or(Invalid)?)?).map_err(|_| Invalid)?;
        if header.alg != "EdDSA" || header.typ != kind.typ() {
            return Err(Invalid);
        }
        let key = self.keys.find(&header.kid).ok_or(Invalid)?;
        let token = jsonwebtoken::decode::<Claims>(token, key, &self.validation).map_err(|_| Invalid)?;
        Ok(token.claims)
    }

    /// The keys that tokens are verified with.
    #[must_use]
    pub fn public_keys(&self) -> &PublicKeys {
        &self.keys
    }
}

/// The header of our tokens. Any other member (`jwk`, `jku`, `x5u`, `crit` …) is refused unread.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProtectedHeader {
    alg: String,
    typ: String,
    kid: String,
}

impl ProtectedHeader {
    fn parse(header: &str) -> Result<Self, Invalid> {
        serde_json::from_slice(&decode_base64url(header)?).map_err(|_| Invalid)
    }
}

fn decode_base64url(part: &str) -> Result<Vec<u8>, Invalid> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| Invalid)
}

fn issuer_and_audience(env: &Env) -> Result<(String, String), config::Error> {
    Ok((env.required("JWT_ISSUER")?.to_owned(), env.required("JWT_AUDIENCE")?.to_owned()))
}

#[cfg(test)]
mod tests;
