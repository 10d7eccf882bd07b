//! Registrations with an idempotency key: the client is known by its network alone, and the body contains a password.

use serde_json::json;
use testkit::users::PASSWORD;
use testkit::{Client, Response, TestContext};

use super::{auth, log_in};
use crate::idempotency::{assert_replayed, assert_reused, context, count, the_record};
use crate::support::responses::assert_problem;

/// Another pepper: 32 bytes, each of them 7.
const OTHER_PEPPER: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";

async fn register(auth: &Client, key: &str, name: &str) -> Response {
    let body = json!({"username": name, "password": PASSWORD});
    auth.post("/auth/register").header("idempotency-key", key).json(&body).send().await
}

#[tokio::test]
async fn a_registration_is_executed_once_and_replayed_from_dynamodb_or_postgres() {
    let (context, records) = context().await;
    let (one, other) = (auth(&context).from_ip("192.0.2.1"), auth(&context).from_ip("192.0.2.1"));
    let first = register(&one, "k", "Ada").await;
    assert_eq!(first.status, 201, "{}", first.text());
    assert_eq!(first.header("cache-control"), Some("no-store"));
    for _ in 0..2 {
        let again = register(&other, "k", "Ada").await;
        assert_replayed(&again, &first);
        assert_eq!(again.header("cache-control"), Some("no-store"));
        let other_body = json!({"username": "Ada", "password": "another horse and staple"});
        let request = other.post("/auth/register").header("idempotency-key", "k").json(&other_body);
        assert_reused(&request.send().await);
        records.delete_all().await.unwrap();
    }
    // For another caller, and for the same caller with another key, the name is taken.
    assert_problem(&register(&other.from_new_network(), "k", "Ada").await, 409);
    assert_problem(&register(&other, "l", "Ada").await, 409);
    assert_eq!(count(&context, "users").await, 1);
    // A neighbour who chose the same key has a record of their own.
    assert_eq!(register(&other, "k", "Bob").await.status, 201);
    assert_eq!(log_in(&one, "ada", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn the_record_of_a_registration_reveals_nothing_of_its_password() {
    let (context, records) = context().await;
    let auth_here = auth(&context).from_ip("192.0.2.1");
    assert_eq!(register(&auth_here, "k", "ada").await.status, 201);
    let record = the_record(&records).await;
    let text = format!("{record:?}");
    let body = json!({"username": "ada", "password": PASSWORD}).to_string();
    let database = context.database().await;
    for secret in [PASSWORD, &body] {
        let digests = "select encode(sha256($1), 'hex'), encode(sha256($1), 'base64'), md5($1)";
        let row = database.query_one(digests, &[&secret.as_bytes()]).await.unwrap();
        let base64 = row.get::<_, &str>(1).trim_end_matches('=');
        let base64url = base64.replace('+', "-").replace('/', "_");
        for form in [secret, row.get(0), base64, &base64url, row.get(2)] {
            assert!(!text.contains(form), "{form} is in {text}");
        }
    }
    // The digest depends on the pepper: without it, key, body and code are not enough to compute it.
    let stored = database.query_one("select validation from idempotent_writes", &[]).await.unwrap();
    assert_eq!(stored.get::<_, &str>(0), record["validation"]);
    let elsewhere = crate::idempotency::context().await;
    let context = elsewhere.0.with("PASSWORD_PEPPER", OTHER_PEPPER);
    assert_eq!(register(&auth(&context).from_ip("192.0.2.1"), "k", "ada").await.status, 201);
    let other = the_record(&elsewhere.1).await;
    assert_eq!(other["id"], record["id"]);
    assert_ne!(other["validation"], record["validation"]);
}

#[tokio::test]
async fn two_stacks_without_their_table_do_not_share_keys() {
    let context = TestContext::new().await;
    let [one, two] = ["one", "two"].map(|name| context.clone().with("STACK_NAME", name));
    let register = async |stack: &TestContext, password: &str| {
        let auth = auth(stack).from_ip("192.0.2.1");
        let request = auth.post("/auth/register").header("idempotency-key", "k");
        request.json(&json!({"username": "bob", "password": password})).send().await
    };
    assert_eq!(register(&one, PASSWORD).await.status, 201);
    // The name is taken in their common database. A shared key would say that it belongs to another body.
    assert_problem(&register(&two, "another long password").await, 409);
}
