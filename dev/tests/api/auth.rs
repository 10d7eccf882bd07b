//! Tests of the function `auth`.

mod account;
mod lockout;
mod log;
mod metrics;
mod outages;
mod registration;
mod rotation;
mod round_trips;
mod secret;
mod sessions;
mod sign_in;
mod tokens;

use serde_json::json;
use shared::identity::tokens::{Kind, Verifier};
use testkit::users::PASSWORD;
use testkit::{Client, Response, TestContext};
use uuid::Uuid;

/// The function in `context`.
fn auth(context: &TestContext) -> Client {
    Client::start::<auth::App>(context.env()).unwrap()
}

async fn register(auth: &Client, name: &str) -> Response {
    let body = json!({"username": name, "password": PASSWORD});
    auth.from_new_network().post("/auth/register").json(&body).send().await
}

async fn log_in(auth: &Client, name: &str, password: &str) -> Response {
    let form = [("grant_type", "password"), ("username", name), ("password", password)];
    auth.post("/auth/login").form(&form).send().await
}

async fn refresh(auth: &Client, token: &str) -> Response {
    let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
    auth.from_new_network().post("/auth/refresh").form(&form).send().await
}

/// The session that an access token belongs to.
fn session_of(context: &TestContext, access: &str) -> Uuid {
    Verifier::from_env(&context.env()).unwrap().verify(access, Kind::Access).unwrap().sid
}
