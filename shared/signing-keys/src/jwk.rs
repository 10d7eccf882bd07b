//! Public keys as JSON Web Keys: the members of an Ed25519 key (RFC 8037 §2) and the set (RFC 7517 §5).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

/// Length of an Ed25519 public key in bytes.
pub const PUBLIC_KEY_LENGTH: usize = 32;

/// One public key, with the members of an Ed25519 JWK (RFC 8037 §2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicKey {
    /// Key type: `OKP`.
    pub kty: String,
    /// Curve: `Ed25519`.
    pub crv: String,
    /// The key's 32 bytes in base64url without padding.
    pub x: String,
    /// The id by which a token's header names the key.
    pub kid: String,
    /// Intended use: `sig`, which is also assumed when the member is missing.
    #[serde(default = "signature", rename = "use")]
    pub usage: String,
    /// Algorithm: `EdDSA`, which is also assumed when the member is missing.
    #[serde(default = "eddsa")]
    pub alg: String,
}

/// A JWK set (RFC 7517 §5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JwkSet {
    /// The keys of the set.
    pub keys: Vec<PublicKey>,
}

impl PublicKey {
    /// Describes a key for signatures. Its `kid` is its thumbprint (RFC 7638).
    #[must_use]
    pub fn new(public: &[u8; PUBLIC_KEY_LENGTH]) -> Self {
        let x = URL_SAFE_NO_PAD.encode(public);
        let kid = thumbprint(&x);
        Self { kty: "OKP".into(), crv: "Ed25519".into(), x, kid, usage: signature(), alg: eddsa() }
    }

    /// Tells whether this is an Ed25519 key for signatures. RFC 8037 permits other curves and uses.
    #[must_use]
    pub fn is_ed25519_signature_key(&self) -> bool {
        let described =
            self.kty == "OKP" && self.crv == "Ed25519" && self.usage == "sig" && self.alg == "EdDSA";
        described && URL_SAFE_NO_PAD.decode(&self.x).is_ok_and(|key| key.len() == PUBLIC_KEY_LENGTH)
    }
}

impl JwkSet {
    /// Serialises the set as JSON.
    ///
    /// # Panics
    /// Never: the set consists of strings.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("strings serialise")
    }
}

/// Describes these keys as the JSON of a JWK set (RFC 7517 §5), each with its thumbprint (RFC 7638) as its `kid`.
#[must_use]
pub fn jwk_set(public: &[[u8; PUBLIC_KEY_LENGTH]]) -> String {
    JwkSet { keys: public.iter().map(PublicKey::new).collect() }.to_json()
}

/// The SHA-256 of the required members in lexical order (RFC 7638 §3).
fn thumbprint(x: &str) -> String {
    let members = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
    URL_SAFE_NO_PAD.encode(digest(&SHA256, members.as_bytes()))
}

fn signature() -> String {
    "sig".to_owned()
}

fn eddsa() -> String {
    "EdDSA".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn use_and_algorithm_may_be_left_out() {
        let key = PublicKey::new(&[7; PUBLIC_KEY_LENGTH]);
        let short = serde_json::json!({"kty": key.kty, "crv": key.crv, "x": key.x, "kid": key.kid});
        assert_eq!(serde_json::from_value::<PublicKey>(short).unwrap(), key);
    }

    #[test]
    fn another_type_curve_use_algorithm_or_length_is_no_signature_key() {
        let key = PublicKey::new(&[7; PUBLIC_KEY_LENGTH]);
        assert!(key.is_ed25519_signature_key());
        for other in [
            PublicKey { kty: "EC".into(), ..key.clone() },
            PublicKey { crv: "X25519".into(), ..key.clone() },
            PublicKey { usage: "enc".into(), ..key.clone() },
            PublicKey { alg: "ES256".into(), ..key.clone() },
            PublicKey { x: "AAAA".into(), ..key.clone() },
            PublicKey { x: "=".into(), ..key.clone() },
        ] {
            assert!(!other.is_ed25519_signature_key(), "{other:?}");
        }
    }
}
