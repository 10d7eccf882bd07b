//! Key material: the private key as PKCS#8 PEM (RFC 5958, RFC 8410), the public ones as a JWK set (RFC 7517).

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{DecodingKey, EncodingKey};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

use crate::config::{self, Env};

/// Length of an Ed25519 public key in bytes.
pub(super) const PUBLIC_KEY_LENGTH: usize = 32;

/// The public keys that tokens are checked with. Two may be live while one replaces the other.
#[derive(Clone)]
pub struct PublicKeys {
    keys: Arc<[(PublicKey, DecodingKey)]>,
}

/// One public key as JSON (RFC 8037 §2).
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub(super) struct PublicKey {
    #[schema(example = "OKP")]
    kty: String,
    #[schema(example = "Ed25519")]
    crv: String,
    /// The key itself, in base64url.
    #[schema(example = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")]
    x: String,
    /// What tokens call it.
    kid: String,
    #[serde(default = "signature_use", rename = "use")]
    #[schema(example = "sig")]
    usage: String,
    #[serde(default = "eddsa")]
    #[schema(example = "EdDSA")]
    alg: String,
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<PublicKey>,
}

/// The public keys as they are served (RFC 7517 §5).
#[derive(Serialize, ToSchema)]
pub struct PublishedKeySet<'a> {
    pub(super) keys: Vec<&'a PublicKey>,
}

impl PublicKeys {
    /// Reads `JWT_PUBLIC_KEYS`.
    pub(super) fn from_env(env: &Env) -> Result<Self, config::Error> {
        const NAME: &str = "JWT_PUBLIC_KEYS";
        let set: KeySet = serde_json::from_str(env.required(NAME)?)
            .map_err(|_| config::Error::invalid(NAME, "is not a JWK set of Ed25519 keys, each with a kid"))?;
        if set.keys.is_empty() {
            return Err(config::Error::invalid(NAME, "holds no key"));
        }
        let keys = set.keys.into_iter().map(|key| {
            let decoding = key.decoding_key();
            decoding
                .map(|decoding| (key, decoding))
                .ok_or_else(|| config::Error::invalid(NAME, "holds a key that is not an Ed25519 signature key"))
        });
        Ok(Self { keys: keys.collect::<Result<_, _>>()? })
    }

    pub(super) fn find(&self, kid: &str) -> Option<&DecodingKey> {
        self.keys.iter().find(|(key, _)| key.kid == kid).map(|(_, decoding)| decoding)
    }

    /// The `kid` under which `public` is known.
    pub(super) fn kid_of(&self, public: &[u8]) -> Option<String> {
        let x = URL_SAFE_NO_PAD.encode(public);
        self.keys.iter().find(|(key, _)| key.x == x).map(|(key, _)| key.kid.clone())
    }

    /// The set as JSON.
    ///
    /// # Panics
    /// Never: the set is made of strings.
    #[must_use]
    pub fn to_json(&self) -> String {
        let set = PublishedKeySet { keys: self.keys.iter().map(|(key, _)| key).collect() };
        serde_json::to_string(&set).expect("strings serialise")
    }
}

impl PublicKey {
    /// A key under the thumbprint of RFC 7638 as its `kid`.
    pub(super) fn new(public: &[u8; PUBLIC_KEY_LENGTH]) -> Self {
        let x = URL_SAFE_NO_PAD.encode(public);
        let thumbprint = Sha256::digest(format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#));
        let kid = URL_SAFE_NO_PAD.encode(thumbprint);
        Self { kty: "OKP".into(), crv: "Ed25519".into(), x, kid, usage: signature_use(), alg: eddsa() }
    }

    fn decoding_key(&self) -> Option<DecodingKey> {
        let fits = self.kty == "OKP" && self.crv == "Ed25519" && self.usage == "sig" && self.alg == "EdDSA";
        let length = URL_SAFE_NO_PAD.decode(&self.x).ok()?.len();
        (fits && length == PUBLIC_KEY_LENGTH).then(|| DecodingKey::from_ed_components(&self.x).ok())?
    }
}

/// Reads `JWT_PRIVATE_KEY`: the key and its public half.
pub(super) fn private_key(env: &Env) -> Result<(EncodingKey, Vec<u8>), config::Error> {
    const NAME: &str = "JWT_PRIVATE_KEY";
    let pem = env.required(NAME)?.replace("\\n", "\n");
    let unusable = || config::Error::invalid(NAME, "is not an Ed25519 private key in PKCS#8 PEM");
    let der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| unusable())?;
    let der = der.secret_pkcs8_der();
    let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).map_err(|_| unusable())?;
    Ok((EncodingKey::from_ed_der(der), pair.public_key().as_ref().to_vec()))
}

fn signature_use() -> String {
    "sig".to_owned()
}

fn eddsa() -> String {
    "EdDSA".to_owned()
}
