//! The lifecycle of a process: required variables, panics, and shutdown on SIGTERM.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::process::Command;

use serde_json::json;
use shared::config::{self, Env};
use shared::http::Routes;
use shared::lambda::function::Function;
use shared::protection::limiter::Limiter;
use shared::stores::redis::Redis;
use stack::environment::ExecutionEnvironment;
use stack::workspace;
use testkit::{Client, TestContext};
use utoipa_axum::routes;

use crate::support::migrations::{lock_migrations, migrate, until_migrations_wait};
use crate::support::responses::assert_problem;

#[tokio::test]
async fn a_binary_without_a_required_variable_exits_with_one_line_that_names_it() {
    let context = TestContext::new().await;
    for (function, name) in
        [("probe", "DATABASE_URL"), ("probe", "JWT_PUBLIC_KEYS"), ("maintenance", "DATABASE_URL")]
    {
        for value in ["", "\u{1}nonsense"].into_iter().take(if function == "maintenance" { 1 } else { 2 }) {
            let mut variables = context.variables().clone();
            variables.insert(name.to_owned(), value.to_owned());
            let process = ExecutionEnvironment::start(function, &variables).await.unwrap();
            assert_eq!(process.ended().await.unwrap().code(), Some(1), "{function} without {name}");
            let log = process.log();
            assert!(log.starts_with(&format!("can not start: {name} ")) && log.lines().count() == 1, "{log}");
            assert!(!log.contains("nonsense"), "{log}");
        }
    }
}

/// The variables of `context`, and one more whose bytes are not Unicode.
fn with_bytes(context: &TestContext, name: &[u8], value: &[u8]) -> Vec<(OsString, OsString)> {
    let texts = context.variables().iter().filter(|(other, _)| other.as_bytes() != name);
    let texts = texts.map(|(name, value)| (name.into(), value.into()));
    texts.chain([(OsString::from_vec(name.to_vec()), OsString::from_vec(value.to_vec()))]).collect()
}

#[tokio::test]
async fn a_variable_that_is_not_unicode_matters_only_where_it_is_read() {
    let context = TestContext::new().await;
    let system = workspace::binary("system").await.unwrap();
    for (name, value) in [(&b"ODD"[..], &b"\xff"[..]), (b"\xff", b"odd")] {
        let process = ExecutionEnvironment::run("system", &system, &[], with_bytes(&context, name, value))
            .await
            .unwrap();
        assert_eq!(Client::of(process.clone()).get("/health/ready").send().await.status, 200);
    }
    let broken = with_bytes(&context, b"DATABASE_URL", b"\xff");
    let process = ExecutionEnvironment::run("system", &system, &[], broken).await.unwrap();
    assert_eq!(process.ended().await.unwrap().code(), Some(1));
    assert!(process.log().starts_with("can not start: DATABASE_URL "), "{}", process.log());
}

#[tokio::test]
async fn a_process_completes_its_event_before_it_exits_on_sigterm() {
    let context = TestContext::new().await;
    let process = ExecutionEnvironment::start("maintenance", context.variables()).await.unwrap();
    let lock = lock_migrations(&context).await;
    let migration = tokio::spawn(migrate(process.clone()));
    until_migrations_wait(&lock, 1).await;
    // Returns when the signal was delivered.
    let signalled = Command::new("kill").args(["-TERM", &process.pid().to_string()]).status().unwrap();
    assert!(signalled.success() && process.is_alive());
    drop(lock);
    assert_eq!(migration.await.unwrap(), Ok(json!({"task": "migrate", "applied": [], "pending": []})));
    assert_eq!(process.ended().await.unwrap().code(), Some(0), "{}", process.log());
}

#[tokio::test]
async fn an_idle_process_exits_on_sigterm() {
    for concurrency in ["1", "4"] {
        let context = TestContext::new().await.with("AWS_LAMBDA_MAX_CONCURRENCY", concurrency);
        let process = ExecutionEnvironment::start("system", context.variables()).await.unwrap();
        assert_eq!(Client::of(process.clone()).get("/health").send().await.status, 200);
        assert_eq!(process.terminate().await.unwrap().code(), Some(0), "{}", process.log());
    }
}

/// A function with a route that panics.
#[derive(Clone)]
struct Panicking(Limiter);

impl Function for Panicking {
    const NAME: &'static str = "panicking";

    fn from_env(env: &Env) -> Result<Self, config::Error> {
        Ok(Self(Limiter::from_env(env, Redis::from_env(env)?)?))
    }

    async fn connect(&self) {}

    fn routes(&self) -> Routes<Self> {
        Routes::new(&self.0).unlimited(routes!(panic_with_a_secret)).unlimited(routes!(respond))
    }
}

#[utoipa::path(get, path = "/panic")]
async fn panic_with_a_secret() -> &'static str {
    panic!("the secret of {}", "hunter2")
}

#[utoipa::path(get, path = "/fine")]
async fn respond() -> &'static str {
    "fine"
}

async fn assert_a_panic_is_survived(function: &Client) {
    for _ in 0..3 {
        let response = function.get("/panic").send().await;
        assert_problem(&response, 500);
        assert!(!response.text().contains("hunter2"), "{}", response.text());
        let next = function.get("/fine").send().await;
        assert_eq!((next.status, next.text()), (200, "fine"));
    }
}

#[tokio::test]
async fn a_panic_is_a_500_with_the_requests_id_and_the_next_request_is_served() {
    let context = TestContext::new().await;
    assert_a_panic_is_survived(&Client::start::<Panicking>(context.env()).unwrap()).await;
}

/// The `main` of [`Panicking`], which the test below runs as a process.
#[test]
#[ignore = "the test below runs it as a process"]
fn the_main_of_a_panicking_function() {
    // Returns at once unless it runs under a runtime API.
    let _ = shared::lambda::serve::<Panicking>();
}

#[tokio::test]
async fn a_panic_does_not_end_the_process() {
    let context = TestContext::new().await;
    let this = std::env::current_exe().unwrap();
    let args = ["--exact", "lifecycle::the_main_of_a_panicking_function", "--ignored", "--nocapture"];
    let variables: BTreeMap<OsString, OsString> =
        context.variables().iter().map(|(name, value)| (name.into(), value.into())).collect();
    let process = ExecutionEnvironment::run("panicking", &this, &args, variables).await.unwrap();
    let pid = process.pid();
    assert_a_panic_is_survived(&Client::of(process.clone())).await;
    assert!(process.is_alive() && process.pid() == pid);
    let log = process.log();
    assert!(log.contains("a handler panicked") && log.contains("\"request_id\""), "{log}");
}
