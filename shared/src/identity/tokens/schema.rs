//! The published key set as `openapi.json` describes it. The types of `signing_keys` are served; these only document
//! them, so that the small crate does not depend on `utoipa`. A test compares the two.

#![expect(dead_code, reason = "the types exist for their schemas alone")]

use utoipa::ToSchema;

/// The public keys as they are served (RFC 7517 §5).
#[derive(ToSchema)]
#[schema(as = JsonWebKeySet)]
pub struct PublishedKeySet {
    keys: Vec<PublicKey>,
}

/// One public key as JSON (RFC 8037 §2).
#[derive(ToSchema)]
#[schema(as = JsonWebKey)]
struct PublicKey {
    #[schema(example = "OKP")]
    kty: String,
    #[schema(example = "Ed25519")]
    crv: String,
    /// The key itself, in base64url.
    #[schema(example = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")]
    x: String,
    /// What tokens call it.
    kid: String,
    #[schema(required = false, rename = "use", example = "sig")]
    usage: String,
    #[schema(required = false, example = "EdDSA")]
    alg: String,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;
    use utoipa::PartialSchema as _;

    use super::*;

    #[test]
    fn the_schema_describes_the_members_that_a_published_key_has() {
        let members = |object: &Value| object.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
        let schema = serde_json::to_value(PublicKey::schema()).unwrap();
        let published = serde_json::to_value(signing_keys::PublicKey::new(&[7; 32])).unwrap();
        assert_eq!(members(&schema["properties"]), members(&published));
        let set = serde_json::to_value(PublishedKeySet::schema()).unwrap();
        let published: Value = serde_json::from_str(&signing_keys::jwk_set(&[[7; 32]])).unwrap();
        assert_eq!(members(&set["properties"]), members(&published));
    }
}
