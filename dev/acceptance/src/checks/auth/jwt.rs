//! Tokens, as a third party reads them who has the public keys alone.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{ED25519, UnparsedPublicKey};
use serde_json::Value;

/// Header and claims of a token that one of the keys has signed.
///
/// # Errors
/// A sentence that says what is wrong, without the token.
pub(crate) fn verify(token: &str, keys: &Value) -> Result<(Value, Value), String> {
    let (signed, signature) = token.rsplit_once('.').ok_or("the token has no signature")?;
    let (header, claims) = signed.split_once('.').ok_or("the token has no claims")?;
    let (header, claims) = (json(header)?, json(claims)?);
    let keys = keys["keys"].as_array().ok_or("the key set has no keys")?;
    let key = keys.iter().find(|key| key["kid"] == header["kid"]);
    let key = key.ok_or("the key set has no key with the token's `kid`")?;
    if key["kty"] != "OKP" || key["crv"] != "Ed25519" || key.get("d").is_some() {
        return Err("the key is no public Ed25519 key".into());
    }
    let public = decode(key["x"].as_str().unwrap_or_default())?;
    let verified = UnparsedPublicKey::new(&ED25519, public).verify(signed.as_bytes(), &decode(signature)?);
    verified.map_err(|_| "the signature is not that of the key")?;
    Ok((header, claims))
}

fn json(part: &str) -> Result<Value, String> {
    serde_json::from_slice(&decode(part)?).map_err(|_| "a part of the token is not JSON".into())
}

fn decode(text: &str) -> Result<Vec<u8>, String> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| "the token or the key is not base64url".into())
}

#[cfg(test)]
mod tests {
    use ring::rand::SystemRandom;
    use ring::signature::{Ed25519KeyPair, KeyPair as _};
    use serde_json::json;

    use super::*;

    #[test]
    fn a_token_holds_only_with_the_key_that_signed_it() {
        let key = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let key = Ed25519KeyPair::from_pkcs8(key.as_ref()).unwrap();
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&json!({"kid": "a"})), part(&json!({"sub": "1"})));
        let signature = URL_SAFE_NO_PAD.encode(key.sign(signed.as_bytes()));
        let set = |kid: &str, x: &[u8]| json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": URL_SAFE_NO_PAD.encode(x)}]});
        let token = format!("{signed}.{signature}");
        let public = key.public_key().as_ref();
        assert_eq!(verify(&token, &set("a", public)).unwrap().1, json!({"sub": "1"}));
        assert!(verify(&token, &set("b", public)).is_err());
        assert!(verify(&token, &set("a", &[1; 32])).is_err());
        assert!(verify(&format!("{signed}x.{signature}"), &set("a", public)).is_err());
        assert!(verify("nonsense", &set("a", public)).is_err());
    }
}
