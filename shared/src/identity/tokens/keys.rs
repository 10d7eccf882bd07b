//! Reads the key material from the environment: the private key as PKCS#8 PEM (RFC 5958, RFC 8410), the public keys as
//! a JWK set (RFC 7517).
//!
//! The start fails when a key is missing or unusable. Several public keys may be valid at once, so that one can replace
//! another without invalidating the tokens that were signed before.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{DecodingKey, EncodingKey};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject as _;
use signing_keys::{JwkSet, PublicKey};

use crate::config::{self, Env};

/// The public keys that tokens are verified with; cloning shares them.
#[derive(Clone)]
pub struct PublicKeys {
    keys: Arc<[(PublicKey, DecodingKey)]>,
}

impl PublicKeys {
    /// Reads `JWT_PUBLIC_KEYS`.
    pub(super) fn from_env(env: &Env) -> Result<Self, config::Error> {
        const NAME: &str = "JWT_PUBLIC_KEYS";
        let set: JwkSet = serde_json::from_str(env.required(NAME)?)
            .map_err(|_| config::Error::invalid(NAME, "is not a JWK set of Ed25519 keys, each with a kid"))?;
        if set.keys.is_empty() {
            return Err(config::Error::invalid(NAME, "holds no key"));
        }
        let keys = set.keys.into_iter().map(|key| {
            let decoding = decoding_key(&key);
            decoding.map(|decoding| (key, decoding)).ok_or_else(|| {
                config::Error::invalid(NAME, "holds a key that is not an Ed25519 signature key")
            })
        });
        Ok(Self { keys: keys.collect::<Result<_, _>>()? })
    }

    /// Finds the key that a token's header names.
    pub(super) fn find(&self, kid: &str) -> Option<&DecodingKey> {
        self.keys.iter().find(|(key, _)| key.kid == kid).map(|(_, decoding)| decoding)
    }

    /// Finds the `kid` of the public key `public`.
    pub(super) fn kid_of(&self, public: &[u8]) -> Option<String> {
        let x = URL_SAFE_NO_PAD.encode(public);
        self.keys.iter().find(|(key, _)| key.x == x).map(|(key, _)| key.kid.clone())
    }

    /// Serialises the keys as a JWK set (RFC 7517 §5).
    #[must_use]
    pub fn to_json(&self) -> String {
        JwkSet { keys: self.keys.iter().map(|(key, _)| key.clone()).collect() }.to_json()
    }
}

fn decoding_key(key: &PublicKey) -> Option<DecodingKey> {
    key.is_ed25519_signature_key().then(|| DecodingKey::from_ed_components(&key.x).ok())?
}

/// Reads `JWT_PRIVATE_KEY`. Returns the key and its public half.
pub(super) fn private_key(env: &Env) -> Result<(EncodingKey, Vec<u8>), config::Error> {
    const NAME: &str = "JWT_PRIVATE_KEY";
    let pem = env.required(NAME)?.replace("\\n", "\n");
    let unusable = || config::Error::invalid(NAME, "is not an Ed25519 private key in PKCS#8 PEM");
    let der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| unusable())?;
    let der = der.secret_pkcs8_der();
    let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).map_err(|_| unusable())?;
    Ok((EncodingKey::from_ed_der(der), pair.public_key().as_ref().to_vec()))
}
