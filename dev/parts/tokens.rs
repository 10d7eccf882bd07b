//! Tokens: signed by one service, verified by another with the public keys alone.

use shared::config::Env;
use shared::identity::tokens::{ACCESS_TOKEN_LIFETIME, Issuer, Kind, Subject, Verifier, generate};
use time::OffsetDateTime;
use uuid::Uuid;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let keys = generate();
    let verifying = [
        ("JWT_PUBLIC_KEYS", keys.public_jwks),
        ("JWT_ISSUER", "https://api.example".to_owned()),
        ("JWT_AUDIENCE", "api".to_owned()),
    ];
    let verifier = Verifier::from_env(&Env::of(verifying.clone()))?;
    let issuer = Issuer::from_env(&Env::of(verifying).with([("JWT_PRIVATE_KEY", keys.private_pem)]))?;

    let subject = Subject { user_id: 7, session_id: Uuid::now_v7(), role: "user".to_owned() };
    let now = OffsetDateTime::now_utc();
    let token = issuer.issue(Kind::Access, &subject, Uuid::now_v7(), now, now + ACCESS_TOKEN_LIFETIME);

    let claims = verifier.verify(&token, Kind::Access)?;
    println!("user {}, {}", claims.sub, claims.role);
    println!("as a refresh token: {:?}", verifier.verify(&token, Kind::Refresh));
    Ok(())
}
