//! Generates the Ed25519 key pairs that sign tokens, and describes their public halves as JSON Web Keys.
//!
//! One function signs tokens with a private key, given to it as PKCS#8 PEM in `JWT_PRIVATE_KEY`. Every function that
//! accepts tokens verifies them with the public keys, given as a JWK set in `JWT_PUBLIC_KEYS`. [`generate`] makes both
//! values, for a new deployment (`maintenance`), for the local stack and for tests.
//!
//! This crate has few dependencies on purpose: the local stack needs keys and must not compile all of `shared` for
//! them.

mod jwk;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::{Ed25519KeyPair, KeyPair as _};

pub use jwk::{JwkSet, PUBLIC_KEY_LENGTH, PublicKey, jwk_set};

/// Length of the seed that an Ed25519 key pair is derived from, in bytes.
const SEED_LENGTH: usize = 32;

/// The DER bytes before the seed in an Ed25519 private key (RFC 8410 §7).
const PKCS8_VERSION_1: [u8; 16] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];

/// A new key pair. It has no `Debug`, because the private key must not be printed.
#[derive(Clone)]
pub struct GeneratedKeys {
    /// The private key as PKCS#8 PEM, the value of `JWT_PRIVATE_KEY`.
    pub private_pem: String,
    /// The public key, which a JWK carries in its member `x`.
    pub public: [u8; PUBLIC_KEY_LENGTH],
    /// A JWK set with the public key alone, the value of `JWT_PUBLIC_KEYS`.
    pub public_jwks: String,
}

/// Generates a key pair.
///
/// # Panics
/// When the operating system provides no randomness.
#[must_use]
pub fn generate() -> GeneratedKeys {
    let mut seed = [0; SEED_LENGTH];
    SystemRandom::new().fill(&mut seed).expect("the system has randomness");
    from_seed(&seed)
}

fn from_seed(seed: &[u8; SEED_LENGTH]) -> GeneratedKeys {
    let pair = Ed25519KeyPair::from_seed_unchecked(seed).expect("any 32 bytes are a seed");
    let public = pair.public_key().as_ref().try_into().expect("a public key is 32 bytes");
    // ring's own generator adds the public key (RFC 5958's version 2), which OpenSSL does not read.
    let der = STANDARD.encode([&PKCS8_VERSION_1[..], seed].concat());
    let private_pem = format!("-----BEGIN PRIVATE KEY-----\n{der}\n-----END PRIVATE KEY-----\n");
    GeneratedKeys { private_pem, public, public_jwks: jwk_set(&[public]) }
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    #[test]
    fn a_key_pair_is_the_one_of_rfc_8037() {
        let seed = URL_SAFE_NO_PAD.decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").unwrap();
        let keys = from_seed(&seed.try_into().unwrap());
        assert_eq!(
            keys.public_jwks,
            r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","#
                .to_owned()
                + r#""kid":"kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k","use":"sig","alg":"EdDSA"}]}"#
        );
        // As `openssl pkey` writes this seed.
        assert_eq!(
            keys.private_pem,
            "-----BEGIN PRIVATE KEY-----\n\
             MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n\
             -----END PRIVATE KEY-----\n"
        );
    }

    #[test]
    fn two_key_pairs_differ() {
        assert_ne!(generate().public, generate().public);
    }
}
