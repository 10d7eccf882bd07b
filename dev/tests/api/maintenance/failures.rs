//! A task that fails says why: in its result, in the log, and to `CloudFormation`.

use serde_json::{Value, json};
use testkit::users::sign_up;
use testkit::{TestContext, with_database};
use uuid::Uuid;

use super::{MIGRATE, process};
use crate::deployments::handle;
use crate::support::migrations::empty_database;

const PURGE: &str = r#"{"task":"purge"}"#;
const SET_ROLE: &str = r#"{"task":"set_role","username":"ada","role":"admin"}"#;

/// The user and the password of a URL.
fn login(url: &str) -> (&str, &str) {
    url.split_once("://").unwrap().1.split_once('@').unwrap().0.split_once(':').unwrap()
}

/// Checks that each task fails for its reason, and that result, log and response say that and reveal nothing.
async fn assert_reasons(context: &TestContext, reasons: &[(&str, &str)]) {
    let maintenance = process(context).await;
    for (task, reason) in reasons {
        let failure = maintenance.invoke(task).await.unwrap_err().error_message;
        assert_eq!(failure, *reason, "{task}");
        let logged = format!("\"error\":{}", Value::from(*reason));
        assert!(maintenance.log().contains(&logged), "{}", maintenance.log());
    }
    if let Some((_, reason)) = reasons.iter().find(|(task, _)| *task == MIGRATE) {
        let response = handle(&maintenance, "Create", json!({"Task": "migrate"})).await;
        assert_eq!((&response["Status"], &response["Reason"]), (&json!("FAILED"), &json!(reason)));
    }
    let log = maintenance.log();
    let (_, password) = login(context.variable("DATABASE_URL"));
    for hidden in ["db error", password, "postgres://", "of-a-row", "waiting for the database"] {
        assert!(!log.contains(hidden), "{hidden}: {log}");
    }
}

#[tokio::test]
async fn without_rights_the_reason_is_that_of_the_database() {
    let context = TestContext::new().await;
    let database = context.database().await;
    let name = format!("test_{}", Uuid::now_v7().simple());
    let role =
        format!("create role {name} login password 'of-{name}'; grant usage on schema public to {name}");
    database.batch_execute(&role).await.unwrap();
    let url = context.variable("DATABASE_URL").to_owned();
    let (user, password) = login(&url);
    let url = url.replace(&format!("{user}:{password}@"), &format!("{name}:of-{name}@"));
    let denied = |table: &str| format!("postgres: permission denied for table {table} (SQLSTATE 42501)");
    let purge = format!(
        "not every table was purged; idempotent_writes: {}; login_guesses: {}; refresh_tokens: {}; sessions: {}; \
         rows deleted: idempotent_writes 0, login_guesses 0, refresh_tokens 0, sessions 0",
        denied("idempotent_writes"),
        denied("login_guesses"),
        denied("refresh_tokens"),
        denied("sessions"),
    );
    let migrate = "migration: error getting applied migrations: permission denied for table refinery_schema_history \
        (SQLSTATE 42501)";
    let reasons = [(SET_ROLE, &denied("users")[..]), (PURGE, &purge[..]), (MIGRATE, migrate)];
    assert_reasons(&context.clone().with("DATABASE_URL", &url), &reasons).await;
    database
        .batch_execute(&format!("revoke usage on schema public from {name}; drop role {name}"))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_database_that_is_absent_or_refuses_the_password_is_not_waited_for() {
    let context = TestContext::new().await;
    let url = context.variable("DATABASE_URL").to_owned();
    let (user, password) = login(&url);
    let absent = with_database(&url, "absent");
    let wrong = url.replace(password, "wrong-password");
    let refused = format!("postgres: password authentication failed for user \"{user}\" (SQLSTATE 28P01)");
    for (url, reason) in [
        (&absent, "postgres: database \"absent\" does not exist (SQLSTATE 3D000)"),
        (&wrong, refused.as_str()),
    ] {
        let tasks = [(MIGRATE, reason), (PURGE, reason), (SET_ROLE, reason)];
        assert_reasons(&context.clone().with("DATABASE_URL", url), &tasks).await;
    }
}

#[tokio::test]
async fn a_migration_that_the_database_refuses_is_named_with_the_reason() {
    let context = TestContext::new().await;
    empty_database(&context).await;
    context.database().await.batch_execute("create table books ()").await.unwrap();
    let reason =
        "migration: error applying migration V2__books: relation \"books\" already exists (SQLSTATE 42P07)";
    assert_reasons(&context, &[(MIGRATE, reason)]).await;
}

/// The other fields of the server's response, and the messages of class 22, may hold values.
#[tokio::test]
async fn values_of_rows_are_not_revealed() {
    let context = TestContext::new().await;
    sign_up(&context, "ada").await;
    let database = context.database().await;
    for (statement, reason) in [
        (
            "raise exception 'no' using detail = 'value of-a-row', hint = 'value of-a-row'",
            "postgres: no (SQLSTATE P0001)",
        ),
        ("perform 'value of-a-row'::integer", "postgres: a value was not accepted (SQLSTATE 22P02)"),
    ] {
        let trigger = format!(
            "create or replace function fail() returns trigger language plpgsql as $$ begin {statement}; end $$;
            create or replace trigger fails before update on users execute function fail()"
        );
        database.batch_execute(&trigger).await.unwrap();
        assert_reasons(&context, &[(SET_ROLE, reason)]).await;
    }
}
