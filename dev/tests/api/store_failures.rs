//! A store that fails is logged with the reason: the server's own words, and never a value of a row or a password.

use secrets::SecretsClient;
use shared::stores::postgres::{Error, Postgres};
use shared::stores::redis::Redis;
use stack::environment::ExecutionEnvironment;
use testkit::users::sign_up;
use testkit::{Client, TestContext};

use crate::support::responses::assert_problem;

/// Nothing listens there.
const CLOSED: &str = "127.0.0.1:1";

#[tokio::test]
async fn a_refused_statement_is_described_without_values() {
    let context = TestContext::new().await;
    sign_up(&context, "ada").await;
    let postgres = Postgres::from_env(&context.env()).unwrap();
    let again = "insert into users (username, username_key, password_hash) values ('ada', 'ada', '')";
    for (statement, description) in [
        (
            again,
            "postgres has such a row: duplicate key value violates unique constraint \"users_username_key_key\" \
             (SQLSTATE 23505)",
        ),
        ("select nothing", "postgres refused: column \"nothing\" does not exist (SQLSTATE 42703)"),
        ("select 'of a row'::integer", "postgres refused: a value was not accepted (SQLSTATE 22P02)"),
        (
            "do $$ begin raise query_canceled using message = 'slow', detail = 'of a row'; end $$",
            "postgres took too long: slow (SQLSTATE 57014)",
        ),
        (
            "do $$ begin raise too_many_connections using message = 'full', hint = 'of a row'; end $$",
            "postgres is unavailable: full (SQLSTATE 53300)",
        ),
    ] {
        assert_eq!(postgres.write(statement, &[]).await.unwrap_err().to_string(), description);
    }
}

#[tokio::test]
async fn a_refused_connection_is_described() {
    let context = TestContext::new().await;
    let url = context.variable("DATABASE_URL").to_owned();
    let password = url.split([':', '@']).nth(2).unwrap();
    let closed = format!("postgres://nobody:{password}@{CLOSED}/nothing");
    let closed = Postgres::from_env(&context.clone().with("DATABASE_URL", &closed).env()).unwrap();
    let Err(Error::Unavailable(reason)) = closed.connect().await else { panic!("nothing listens") };
    assert!(reason.starts_with("error connecting to server: Connection refused"), "{reason}");

    let context = context.with("DATABASE_URL", &url.replace(password, "wrong-password"));
    let probe = ExecutionEnvironment::start("probe", context.variables()).await.unwrap();
    assert_problem(&Client::of(probe.clone()).get("/probe/notes").send().await, 503);
    let log = probe.log();
    let reason = "password authentication failed for user \\\"bookshelf\\\" (SQLSTATE 28P01)";
    assert!(log.contains(reason), "{log}");
    assert!(!log.contains("db error") && !log.contains("wrong-password"), "{log}");
}

#[tokio::test]
async fn the_other_stores_say_why_as_well() {
    let context = TestContext::new()
        .await
        .with("REDIS_URL", &format!("redis://nobody:secret@{CLOSED}"))
        .with("AWS_ENDPOINT_URL_SECRETS_MANAGER", &format!("http://{CLOSED}"));
    let redis = Redis::from_env(&context.env()).unwrap().connect().await.unwrap_err().to_string();
    let secret =
        SecretsClient::from_env(&context.env()).unwrap().read("secret").await.unwrap_err().to_string();
    for reason in [redis, secret] {
        assert!(reason.contains("Connection refused"), "{reason}");
    }
}
