//! The tokens that are accepted, and those that are refused.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::*;

struct Fixture {
    issuer: Issuer,
    verifier: Verifier,
}

fn fixture() -> Fixture {
    let keys = generate();
    let env = Env::of([
        ("JWT_PRIVATE_KEY", keys.private_pem.replace('\n', "\\n")),
        ("JWT_PUBLIC_KEYS", keys.public_jwks),
        ("JWT_ISSUER", "https://books.example".to_owned()),
        ("JWT_AUDIENCE", "bookshelf".to_owned()),
    ]);
    Fixture { issuer: Issuer::from_env(&env).unwrap(), verifier: Verifier::from_env(&env).unwrap() }
}

fn subject() -> Subject {
    Subject { user_id: 7, session_id: Uuid::now_v7(), role: "user".into() }
}

impl Fixture {
    fn token(&self, kind: Kind, issued_at: OffsetDateTime) -> String {
        self.issuer.issue(kind, &subject(), Uuid::now_v7(), issued_at, issued_at + ACCESS_TOKEN_LIFETIME)
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
    let fixture = fixture();
    let token = fixture.token(Kind::Access, OffsetDateTime::now_utc());
    assert_eq!(fixture.verifier.verify(&token, Kind::Access).unwrap().sub, "7");
    assert_eq!(fixture.verifier.verify(&token, Kind::Refresh), Err(Invalid));
}

#[test]
fn an_expired_or_future_token_is_refused() {
    let fixture = fixture();
    for shift in [-Duration::minutes(11), Duration::minutes(1)] {
        let token = fixture.token(Kind::Access, OffsetDateTime::now_utc() + shift);
        assert_eq!(fixture.verifier.verify(&token, Kind::Access), Err(Invalid), "{shift}");
    }
}

#[test]
fn clocks_may_be_five_seconds_apart_and_no_more() {
    let fixture = fixture();
    let now = OffsetDateTime::now_utc();
    for (seconds, accepted) in [(3, true), (8, false)] {
        let expired = fixture.token(Kind::Access, now - ACCESS_TOKEN_LIFETIME - Duration::seconds(seconds));
        assert_eq!(fixture.verifier.verify(&expired, Kind::Access).is_ok(), accepted, "{seconds} s ago");
        let early = fixture.token(Kind::Access, now + Duration::seconds(seconds));
        assert_eq!(fixture.verifier.verify(&early, Kind::Access).is_ok(), accepted, "in {seconds} s");
    }
}

#[test]
fn a_token_of_another_key_is_refused() {
    let token = fixture().token(Kind::Access, OffsetDateTime::now_utc());
    assert_eq!(fixture().verifier.verify(&token, Kind::Access), Err(Invalid));
}

#[test]
fn an_unexpected_or_changed_header_member_is_refused() {
    let fixture = fixture();
    assert!(fixture.accepts(&fixture.header(), &claims()), "an unchanged header is accepted");
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
        assert!(!fixture.accepts(&with(fixture.header(), name, value.clone()), &claims()), "{name}: {value}");
    }
}

#[test]
fn an_unread_claim_must_be_utf_8_as_well() {
    let fixture = fixture();
    let mut payload = claims().to_string().into_bytes();
    payload.truncate(payload.len() - 1);
    payload.extend(b",\"x\":\"\xff\"}");
    let body = [fixture.header().to_string().into_bytes(), payload]
        .map(|part| URL_SAFE_NO_PAD.encode(part))
        .join(".");
    let signature =
        jsonwebtoken::crypto::sign(body.as_bytes(), &fixture.issuer.key, Algorithm::EdDSA).unwrap();
    assert_eq!(fixture.verifier.verify(&format!("{body}.{signature}"), Kind::Access), Err(Invalid));
}

#[test]
fn wrong_or_mistyped_claims_are_refused() {
    let fixture = fixture();
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
        assert!(!fixture.accepts(&fixture.header(), &with(claims(), name, value.clone())), "{name}: {value}");
    }
}

#[test]
fn malformed_tokens_are_refused() {
    let fixture = fixture();
    let token = fixture.token(Kind::Access, OffsetDateTime::now_utc());
    let oversized = format!("{token}{}", "A".repeat(MAX_TOKEN_LENGTH));
    for text in ["", ".", "..", "a.b.c", "\0", &oversized, &token[..token.len() - 1], &format!("{token}.")] {
        assert_eq!(fixture.verifier.verify(text, Kind::Access), Err(Invalid));
    }
}

#[test]
fn the_same_arguments_give_the_same_token() {
    let fixture = fixture();
    let (subject, jti, now) = (subject(), Uuid::now_v7(), OffsetDateTime::now_utc());
    let issue = || fixture.issuer.issue(Kind::Refresh, &subject, jti, now, now + ACCESS_TOKEN_LIFETIME);
    assert_eq!(issue(), issue());
}

#[test]
fn unusable_key_material_is_refused_with_the_variable_named() {
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
