//! Data and keys of a local API outlive its end, and a changed migration is told with a way out.

use std::fs;

// part of auth
use stack::http::send_with;
// end of part
use stack::local_api::LocalApi;
use stack::stack::Persistence;
use stack::workspace;
use testkit::connect;

use crate::options;

/// The stack of this test alone.
const STACK: &str = "e2e-persistent-stack";

/// Whether the data of this test is in the database: a user.
const IS_THERE: &str = "select exists (select from users where username = 'Ada')";

async fn start(persistence: Persistence) -> Result<LocalApi, stack::Error> {
    LocalApi::start(options(STACK, persistence)).await
}

// part of auth
/// The status of a sign-in.
async fn sign_in(api: &LocalApi, username: &str, password: &str) -> u16 {
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let body = format!("username={username}&password={password}");
    send_with("POST", &format!("{}/auth/login", api.url()), &form, &body).await.unwrap().status
}

// end of part
#[tokio::test(flavor = "multi_thread")]
async fn data_and_keys_outlive_a_stop_and_a_changed_migration_has_a_way_out() {
    let api = start(Persistence::Reset).await.unwrap();
    let database = connect(api.stack().var("DATABASE_URL")).await;
    let insert = "insert into users (username, username_key, password_hash) values ('Ada', 'ada', 'none')";
    database.batch_execute(insert).await.unwrap();
    let variables = api.stack().env().clone();
    assert!(!api.stack().is_restored());
    api.stop().await;

    let api = start(Persistence::Persistent).await.unwrap();
    assert!(api.stack().is_restored());
    // part of auth
    assert_eq!(api.stack().var("ADMIN_PASSWORD"), variables["ADMIN_PASSWORD"]);
    assert_eq!(sign_in(&api, "admin", &variables["ADMIN_PASSWORD"]).await, 200);
    // end of part
    for name in ["JWT_PRIVATE_KEY", "PASSWORD_PEPPER"] {
        assert_eq!(api.stack().var(name), variables[name], "{name}");
    }
    let database = connect(api.stack().var("DATABASE_URL")).await;
    assert!(database.query_one(IS_THERE, &[]).await.unwrap().get::<_, bool>(0));
    // As if the file had been edited after it was applied.
    let edit = "update refinery_schema_history set checksum = '1' where version = 2";
    database.batch_execute(edit).await.unwrap();
    api.stop().await;

    let error = start(Persistence::Persistent).await.err().unwrap().to_string();
    assert!(error.contains("V2__books") && error.contains("--fresh"), "{error}");
    let api = start(Persistence::Reset).await.unwrap();
    let database = connect(api.stack().var("DATABASE_URL")).await;
    assert!(!database.query_one(IS_THERE, &[]).await.unwrap().get::<_, bool>(0), "a fresh start has no data");
    api.stop().await;
    fs::remove_dir_all(workspace::target().unwrap().join(STACK)).unwrap();
}
