//! New keys, and the public ones as the functions want them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::{Ed25519KeyPair, KeyPair as _};

use super::keys::{PUBLIC_KEY_LENGTH, PublicKey, PublishedKeySet};

/// What stands before the seed in an Ed25519 private key (RFC 8410 §7).
const PKCS8_VERSION_1: [u8; 16] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];

/// A fresh key pair. Not `Debug`: it holds what must not be printed.
#[derive(Clone)]
pub struct GeneratedKeys {
    /// For `JWT_PRIVATE_KEY`: PKCS#8 PEM.
    pub private_pem: String,
    /// The public half, as it is in a JWK's `x`.
    pub public: [u8; PUBLIC_KEY_LENGTH],
    /// For `JWT_PUBLIC_KEYS`: a JWK set with the one key.
    pub public_jwks: String,
}

/// Makes a key pair.
///
/// # Panics
/// When the system has no randomness to give.
#[must_use]
pub fn generate() -> GeneratedKeys {
    let mut seed = [0; 32];
    SystemRandom::new().fill(&mut seed).expect("the system has randomness");
    let pair = Ed25519KeyPair::from_seed_unchecked(&seed).expect("any 32 bytes are a seed");
    let public = pair.public_key().as_ref().try_into().expect("a public key is 32 bytes");
    // ring's own generator adds the public key (RFC 5958's version 2), which OpenSSL does not read.
    let der = STANDARD.encode([&PKCS8_VERSION_1[..], &seed].concat());
    let private_pem = format!("-----BEGIN PRIVATE KEY-----\n{der}\n-----END PRIVATE KEY-----\n");
    GeneratedKeys { private_pem, public, public_jwks: jwk_set(&[public]) }
}

/// A JWK set (RFC 7517 §5) of these keys, each with its thumbprint (RFC 7638) as its `kid`.
///
/// # Panics
/// Never: the set is made of strings.
#[must_use]
pub fn jwk_set(public: &[[u8; PUBLIC_KEY_LENGTH]]) -> String {
    let keys: Vec<_> = public.iter().map(PublicKey::new).collect();
    let set = PublishedKeySet { keys: keys.iter().collect() };
    serde_json::to_string(&set).expect("strings serialise")
}
