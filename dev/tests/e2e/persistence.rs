//! Data and the administrator of a local API outlive its end, and a changed migration is told with a way out.

use std::fs;

use stack::http::{Response, send_with};
use stack::local_api::LocalApi;
use stack::stack::Persistence;
use stack::workspace;
use testkit::connect;

use crate::options;

/// The stack of this test alone.
const STACK: &str = "e2e-persistent-stack";

const FORM: [(&str, &str); 1] = [("content-type", "application/x-www-form-urlencoded")];
const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

async fn start(persistence: Persistence) -> Result<LocalApi, stack::Error> {
    LocalApi::start(options(STACK, persistence)).await
}

async fn post(api: &LocalApi, path: &str, headers: &[(&str, &str)], body: &str) -> Response {
    send_with("POST", &format!("{}{path}", api.url()), headers, body).await.unwrap()
}

async fn sign_in(api: &LocalApi, username: &str, password: &str) -> u16 {
    post(api, "/auth/login", &FORM, &format!("username={username}&password={password}")).await.status
}

#[tokio::test(flavor = "multi_thread")]
async fn data_and_the_administrator_outlive_a_stop_and_a_changed_migration_has_a_way_out() {
    let api = start(Persistence::Reset).await.unwrap();
    let person = r#"{"username":"ada","password":"correct-horse-battery"}"#;
    assert_eq!(post(&api, "/auth/register", &JSON, person).await.status, 201);
    let variables = api.stack().env().clone();
    assert!(!api.stack().is_restored());
    api.stop().await;

    let api = start(Persistence::Persistent).await.unwrap();
    assert!(api.stack().is_restored());
    assert_eq!(sign_in(&api, "ada", "correct-horse-battery").await, 200);
    assert_eq!(sign_in(&api, "admin", &variables["ADMIN_PASSWORD"]).await, 200);
    for name in ["JWT_PRIVATE_KEY", "PASSWORD_PEPPER", "ADMIN_PASSWORD"] {
        assert_eq!(api.stack().var(name), variables[name], "{name}");
    }
    let database = connect(api.stack().var("DATABASE_URL")).await;
    // As if the file had been edited after it was applied.
    let edit = "update refinery_schema_history set checksum = '1' where version = 2";
    database.batch_execute(edit).await.unwrap();
    api.stop().await;

    let error = start(Persistence::Persistent).await.err().unwrap().to_string();
    assert!(error.contains("V2__books") && error.contains("--fresh"), "{error}");
    let api = start(Persistence::Reset).await.unwrap();
    assert_eq!(sign_in(&api, "ada", "correct-horse-battery").await, 400, "a fresh start knows nobody");
    api.stop().await;
    fs::remove_dir_all(workspace::target().unwrap().join(STACK)).unwrap();
}
