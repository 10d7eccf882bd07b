//! What counts as a token and what does not.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::*;

struct Setting {
    issuer: Issuer,
    verifier: Verifier,
}

fn setting() -> Setting {
    let keys = generate();
    let env = Env::of([
        ("JWT_PRIVATE_KEY", keys.private_pem.replace('\n', "\\n")),
        ("JWT_PUBLIC_KEYS", keys.public_jwks),
        ("JWT_ISSUER", "https://books.example".to_owned()),
        ("JWT_AUDIENCE", "bookshelf".to_owned()),
    ]);
    Setting { issuer: Issuer::from_env(&env).unwrap(), verifier: Verifier::from_env(&env).unwrap() }
}

fn subject() -> Subject {
    Subject { user_id: 7, session_id: Uuid::now_v7(), role: "user".into() }
}

impl Setting {
    fn token(&self, kind: Kind, issued_at: OffsetDateTime) -> String {
        self.issuer.issue(kind, &subject(), Uuid::now_v7(), issued_at, issued_at + ACCESS_LIFE)
    }

    /// Signs any header and claims with the right key.
    fn sign(&self, header: &Value, claims: &Value) -> String {
        let body = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string())).join(".");
        let signature =
            jsonwebtoken::crypto::sign(body.as_bytes(), &self.issuer.key, Algorithm::EdDSA).unwrap();
        format!("{body}.{signature}")
    }

    fn header(&self) -> Value {
        json!({"alg": "EdDSA", "typ": "at+jwt", "kid": self.issuer.kid})
    }

    fn accepts(&self, header: &Value, claims: &Value) -> bool {
        self.verifier.verify(&self.sign(header, claims), Kind::Access).is_ok()
    }
}

fn claims() -> Value {
    let now = OffsetDateTime::now_utc().unix_timestamp();
    json!({"iss": "https://books.example", "aud": "bookshelf", "sub": "7", "sid": Uuid::now_v7(),
        "jti": Uuid::now_v7(), "iat": now, "nbf": now, "exp": now + 60, "role": "user"})
}

fn with(mut object: Value, name: &str, value: Value) -> Value {
    object[name] = value;
    object
}

#[test]
fn an_issued_token_is_accepted_as_its_kind_only() {
    let setting = setting();
    let token = setting.token(Kind::Access, OffsetDateTime::now_utc());
    assert_eq!(setting.verifier.verify(&token, Kind::Access).unwrap().sub, "7");
    assert_eq!(setting.verifier.verify(&token, Kind::Refresh), Err(Invalid));
}

#[test]
fn an_expired_or_future_token_is_refused() {
    let setting = setting();
    for shift in [-Duration::minutes(11), Duration::minutes(1)] {
        let token = setting.token(Kind::Access, OffsetDateTime::now_utc() + shift);
        assert_eq!(setting.verifier.verify(&token, Kind::Access), Err(Invalid), "{shift}");
    }
}

#[test]
fn clocks_may_be_five_seconds_apart_and_no_more() {
    let setting = setting();
    let now = OffsetDateTime::now_utc();
    for (seconds, accepted) in [(3, true), (8, false)] {
        let expired = setting.token(Kind::Access, now - ACCESS_LIFE - Duration::seconds(seconds));
        assert_eq!(setting.verifier.verify(&expired, Kind::Access).is_ok(), accepted, "{seconds} s ago");
        let early = setting.token(Kind::Access, now + Duration::seconds(seconds));
        assert_eq!(setting.verifier.verify(&early, Kind::Access).is_ok(), accepted, "in {seconds} s");
    }
}

#[test]
fn a_token_of_another_key_is_refused() {
    let token = setting().token(Kind::Access, OffsetDateTime::now_utc());
    assert_eq!(setting().verifier.verify(&token, Kind::Access), Err(Invalid));
}

#[test]
fn a_header_with_anything_more_or_else_is_refused() {
    let setting = setting();
    assert!(setting.accepts(&setting.header(), &claims()), "the harness signs rightly");
    for (name, value) in [
        ("alg", json!("none")),
        ("alg", json!("HS256")),
        ("typ", json!("JWT")),
        ("kid", json!("other")),
        ("kid", json!(1)),
        ("jwk", json!({"kty": "OKP"})),
        ("jku", json!("https://evil.example")),
        ("x5u", json!("https://evil.example")),
        ("crit", json!(["exp"])),
    ] {
        assert!(!setting.accepts(&with(setting.header(), name, value.clone()), &claims()), "{name}: {value}");
    }
}

#[test]
fn a_claim_that_nobody_reads_must_be_text_all_the_same() {
    let setting = setting();
    let mut payload = claims().to_string().into_bytes();
    payload.truncate(payload.len() - 1);
    payload.extend(b",\"x\":\"\xff\"}");
    let body = [setting.header().to_string().into_bytes(), payload]
        .map(|part| URL_SAFE_NO_PAD.encode(part))
        .join(".");
    let signature =
        jsonwebtoken::crypto::sign(body.as_bytes(), &setting.issuer.key, Algorithm::EdDSA).unwrap();
    assert_eq!(setting.verifier.verify(&format!("{body}.{signature}"), Kind::Access), Err(Invalid));
}

#[test]
fn odd_claims_are_refused() {
    let setting = setting();
    for (name, value) in [
        ("iss", json!("https://evil.example")),
        ("aud", json!("other")),
        ("exp", json!("9999999999")),
        ("exp", json!(null)),
        ("exp", json!(1e30)),
        ("sub", json!(7)),
        ("sid", json!("not a uuid")),
        ("role", json!(["admin"])),
    ] {
        assert!(!setting.accepts(&setting.header(), &with(claims(), name, value.clone())), "{name}: {value}");
    }
}

#[test]
fn text_that_is_no_token_is_refused() {
    let setting = setting();
    let token = setting.token(Kind::Access, OffsetDateTime::now_utc());
    let oversized = format!("{token}{}", "A".repeat(LONGEST));
    for text in ["", ".", "..", "a.b.c", "\0", &oversized, &token[..token.len() - 1], &format!("{token}.")] {
        assert_eq!(setting.verifier.verify(text, Kind::Access), Err(Invalid));
    }
}

#[test]
fn the_same_arguments_give_the_same_token() {
    let setting = setting();
    let (subject, jti, now) = (subject(), Uuid::now_v7(), OffsetDateTime::now_utc());
    let issue = || setting.issuer.issue(Kind::Refresh, &subject, jti, now, now + ACCESS_LIFE);
    assert_eq!(issue(), issue());
}

#[test]
fn unusable_key_material_ends_the_start_with_the_variable_named() {
    let keys = generate();
    for (name, value) in [
        ("JWT_PRIVATE_KEY", "secret".to_owned()),
        ("JWT_PRIVATE_KEY", generate().private_pem),
        ("JWT_PUBLIC_KEYS", "[]".to_owned()),
        ("JWT_PUBLIC_KEYS", r#"{"keys":[]}"#.to_owned()),
        ("JWT_PUBLIC_KEYS", keys.public_jwks.replace("\"x\":\"", "\"x\":\"AAAA")),
    ] {
        let mut values = std::collections::BTreeMap::from([
            ("JWT_PRIVATE_KEY", keys.private_pem.clone()),
            ("JWT_PUBLIC_KEYS", keys.public_jwks.clone()),
            ("JWT_ISSUER", "i".into()),
            ("JWT_AUDIENCE", "a".into()),
        ]);
        values.insert(name, value);
        let error = Issuer::from_env(&Env::of(values)).err().unwrap().to_string();
        assert!(error.contains("JWT_P"), "{error}");
    }
}
