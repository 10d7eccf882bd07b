//! People for tests: registered, signed in, administrators.

use serde_json::Value;
use shared::identity::tokens::Kind;
use testkit::{Client, Response, TestContext};

/// A password that the policy likes.
pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// Somebody who is signed in.
pub(crate) struct TestUser {
    pub(crate) name: String,
    pub(crate) id: i64,
    pub(crate) access: String,
    pub(crate) refresh: String,
}

/// The `auth` function in `context`.
pub(crate) fn auth(context: &TestContext) -> Client {
    Client::start::<auth::App>(context.env()).unwrap()
}

/// The `books` function in `context`.
pub(crate) fn books(context: &TestContext) -> Client {
    Client::start::<books::App>(context.env()).unwrap()
}

pub(crate) async fn register(auth: &Client, name: &str) -> Response {
    let body = serde_json::json!({"username": name, "password": PASSWORD});
    auth.elsewhere().post("/auth/register").json(&body).send().await
}

pub(crate) async fn log_in(auth: &Client, name: &str, password: &str) -> Response {
    let form = [("grant_type", "password"), ("username", name), ("password", password)];
    auth.post("/auth/login").form(&form).send().await
}

pub(crate) async fn refresh(auth: &Client, token: &str) -> Response {
    let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
    auth.elsewhere().post("/auth/refresh").form(&form).send().await
}

/// Registers `name` and signs in.
pub(crate) async fn sign_up(context: &TestContext, name: &str) -> TestUser {
    let auth = auth(context);
    let registered = register(&auth, name).await;
    assert_eq!(registered.status, 201, "{}", registered.text());
    sign_in(&auth, name, registered.json()["id"].as_i64().unwrap()).await
}

/// Registers `name`, makes it an administrator and signs in.
pub(crate) async fn sign_up_admin(context: &TestContext, name: &str) -> TestUser {
    let auth = auth(context);
    let id = register(&auth, name).await.json()["id"].as_i64().unwrap();
    set_role(context, name, "admin").await;
    sign_in(&auth, name, id).await
}

async fn sign_in(auth: &Client, name: &str, id: i64) -> TestUser {
    let tokens = log_in(&auth.elsewhere(), name, PASSWORD).await;
    assert_eq!(tokens.status, 200, "{}", tokens.text());
    TestUser {
        name: name.to_owned(),
        id,
        access: text(&tokens, "access_token"),
        refresh: text(&tokens, "refresh_token"),
    }
}

/// Gives `name` a role, as an operator would.
pub(crate) async fn set_role(context: &TestContext, name: &str, role: &str) {
    let task = serde_json::json!({"task": "set_role", "username": name, "role": role});
    crate::tasks::run(context, task).await.unwrap();
}

/// A string member of a JSON answer.
pub(crate) fn text(answer: &Response, member: &str) -> String {
    answer.json()[member].as_str().unwrap_or_default().to_owned()
}

/// The session a token belongs to.
pub(crate) fn session_of(context: &TestContext, access: &str) -> uuid::Uuid {
    let verifier = shared::identity::tokens::Verifier::from_env(&context.env()).unwrap();
    verifier.verify(access, Kind::Access).unwrap().sid
}

/// Asserts that `answer` is a problem of this status, in the one form that all problems have.
pub(crate) fn assert_problem(answer: &Response, status: u16) -> Value {
    let problem = answer.json();
    let context = format!("{} {}", answer.status, answer.text());
    assert_eq!(answer.status, status, "{context}");
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{context}");
    assert_eq!(problem["status"], status, "{context}");
    for member in ["type", "title", "detail", "request_id"] {
        assert!(problem[member].as_str().is_some_and(|text| !text.is_empty()), "{member}: {context}");
    }
    assert_eq!(answer.header("www-authenticate").is_some(), matches!(status, 401 | 403), "{context}");
    let passes = matches!(status, 429 | 503) || text(answer, "type").ends_with(":idempotency-in-progress");
    assert_eq!(answer.retry_after().is_some(), passes, "{context}");
    assert_eq!(answer.header("allow").is_some(), status == 405, "{context}");
    problem
}

/// Asserts that `answer` is a 422 and names just these fields.
pub(crate) fn assert_invalid(answer: &Response, fields: &[&str]) {
    let problem = assert_problem(answer, 422);
    let errors = problem["errors"].as_array().unwrap();
    let named: Vec<_> = errors.iter().map(|error| error["field"].as_str().unwrap()).collect();
    assert_eq!(named, fields, "{}", answer.text());
}

/// Status and body of an answer, without what differs from request to request.
pub(crate) fn without_request_id(answer: &Response) -> (u16, Value) {
    let mut body = answer.json();
    body["request_id"] = "".into();
    (answer.status, body)
}
