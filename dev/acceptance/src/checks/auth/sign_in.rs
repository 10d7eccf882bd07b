//! The account of the run, and its tokens.

use acceptance::request::Request;
use acceptance::run::Run;
use acceptance::verdict::{Checked, NotPassed, PASSED, ensure};
use serde_json::Value;

use super::account::{Account, Session};
use super::jwt;
use super::people::People;

pub(crate) async fn register(run: &Run, people: &People) -> Checked {
    let response = people.account.register(&run.client).await?;
    response.expect(201)?.expect_header("cache-control", "no-store")?;
    response.ensure(is_user(&response.json(), &people.account), "the new user with the role user")?;
    PASSED
}

pub(crate) async fn register_again(run: &Run, people: &People) -> Checked {
    people.account.register(&run.client).await?.expect_problem(409)?;
    PASSED
}

pub(crate) async fn sign_in(run: &Run, people: &mut People) -> Checked {
    let response = people.account.try_password(&run.client, &people.account.password).await?;
    response.expect(200)?.expect_header("cache-control", "no-store")?;
    let session = Session::of(&response);
    let is_whole = response.text("token_type") == "Bearer"
        && response.json()["expires_in"].as_u64().is_some_and(|seconds| seconds > 0)
        && !session.access.is_empty()
        && !session.refresh.is_empty();
    response.ensure(is_whole, "the members of RFC 6749 §5.1")?;
    people.account.session = Some(session);
    PASSED
}

pub(crate) async fn verify(run: &Run, people: &People) -> Checked {
    let token = people.account.access()?;
    let keys = run.client.send(&Request::get("/.well-known/jwks.json")).await?;
    let (header, claims) = jwt::verify(token, &keys.expect(200)?.json()).map_err(NotPassed::Failed)?;
    let is_whole = header["alg"] == "EdDSA"
        && header["typ"] == "at+jwt"
        && ["iss", "aud", "sub", "sid", "jti"].iter().all(|claim| claims.get(*claim).is_some())
        && claims["exp"].as_i64() > claims["iat"].as_i64()
        && claims["role"] == "user";
    ensure(is_whole, || {
        format!("expected an access token of RFC 9068 with the role user, got {header} {claims}")
    })?;
    let count = keys.json()["keys"].as_array().map_or(0, Vec::len);
    Ok(format!("signed with key {}, keys in the set: {count}", header["kid"].as_str().unwrap_or_default()))
}

pub(crate) async fn me(run: &Run, people: &People) -> Checked {
    let response = run.client.send(&Request::get("/auth/me").bearer(people.account.access()?)).await?;
    response.expect(200)?.expect_header("cache-control", "no-store")?;
    response.ensure(is_user(&response.json(), &people.account), "the account of the run")?;
    PASSED
}

pub(crate) async fn forged(run: &Run, people: &People) -> Checked {
    let token = people.account.access()?;
    let (signed, signature) = token.rsplit_once('.').unwrap_or_default();
    // Another first character changes the signature; the last one may hold bits that are not used.
    let first = if signature.starts_with('A') { 'B' } else { 'A' };
    let forged = format!("{signed}.{first}{}", signature.get(1..).unwrap_or_default());
    let response = run.client.send(&Request::get("/auth/me").bearer(&forged)).await?;
    response.expect_refused_token(401, "invalid_token")?.expect_header("cache-control", "no-store")?;
    PASSED
}

pub(crate) async fn unauthenticated(run: &Run) -> Checked {
    let response = run.client.send(&Request::get("/auth/me")).await?;
    response.expect_unauthenticated()?.expect_header("cache-control", "no-store")?;
    PASSED
}

pub(crate) async fn forbidden(run: &Run, people: &People) -> Checked {
    let request = Request::get("/auth/admin-only").bearer(people.account.access()?);
    run.client.send(&request).await?.expect_refused_token(403, "insufficient_scope")?;
    PASSED
}

fn is_user(user: &Value, account: &Account) -> bool {
    user["id"].is_i64() && user["username"] == *account.name && user["role"] == "user"
}
