//! The functions as clients, and users of the API: registered, signed in, administrators.

use shared::identity::tokens::Kind;
use testkit::{Client, Response, TestContext};

use crate::support::responses::text;

/// A password that the password policy accepts.
pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// A user who is signed in.
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

/// The function called `name` in `context`.
pub(crate) fn client(context: &TestContext, name: &str) -> Client {
    Client::of(testkit::functions::find(name).unwrap().start(&context.env_of(name)).unwrap())
}

pub(crate) async fn register(auth: &Client, name: &str) -> Response {
    let body = serde_json::json!({"username": name, "password": PASSWORD});
    auth.from_new_network().post("/auth/register").json(&body).send().await
}

pub(crate) async fn log_in(auth: &Client, name: &str, password: &str) -> Response {
    let form = [("grant_type", "password"), ("username", name), ("password", password)];
    auth.post("/auth/login").form(&form).send().await
}

pub(crate) async fn refresh(auth: &Client, token: &str) -> Response {
    let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
    auth.from_new_network().post("/auth/refresh").form(&form).send().await
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
    let tokens = log_in(&auth.from_new_network(), name, PASSWORD).await;
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
    crate::support::tasks::run(context, task).await.unwrap();
}

/// The session that an access token belongs to.
pub(crate) fn session_of(context: &TestContext, access: &str) -> uuid::Uuid {
    let verifier = shared::identity::tokens::Verifier::from_env(&context.env()).unwrap();
    verifier.verify(access, Kind::Access).unwrap().sid
}
