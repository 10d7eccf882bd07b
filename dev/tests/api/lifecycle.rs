//! The life of a process: how it starts or doesn't, what it survives, how it ends.

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

use crate::environments::{hold_migrations, migrate, until_migrations_wait};
use crate::users::assert_problem;

#[tokio::test]
async fn a_binary_that_lacks_a_variable_ends_with_one_line_that_names_it() {
    let context = TestContext::new().await;
    for (function, name) in
        [("books", "DATABASE_URL"), ("auth", "JWT_PRIVATE_KEY"), ("maintenance", "DATABASE_URL")]
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

/// The variables of `context`, and one more that is no text.
fn with_bytes(context: &TestContext, name: &[u8], value: &[u8]) -> Vec<(OsString, OsString)> {
    let texts = context.variables().iter().filter(|(other, _)| other.as_bytes() != name);
    let texts = texts.map(|(name, value)| (name.into(), value.into()));
    texts.chain([(OsString::from_vec(name.to_vec()), OsString::from_vec(value.to_vec()))]).collect()
}

#[tokio::test]
async fn a_variable_that_is_no_text_matters_only_where_it_is_asked_for() {
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
async fn asked_to_end_a_process_first_hands_in_what_it_is_working_on() {
    let context = TestContext::new().await;
    let process = ExecutionEnvironment::start("maintenance", context.variables()).await.unwrap();
    let lock = hold_migrations(&context).await;
    let migration = tokio::spawn(migrate(process.clone()));
    until_migrations_wait(&lock, 1).await;
    // Returns when the signal is there.
    let signalled = Command::new("kill").args(["-TERM", &process.pid().to_string()]).status().unwrap();
    assert!(signalled.success() && process.is_alive());
    drop(lock);
    assert_eq!(migration.await.unwrap(), Ok(json!({"task": "migrate", "applied": [], "pending": []})));
    assert_eq!(process.ended().await.unwrap().code(), Some(0), "{}", process.log());
}

#[tokio::test]
async fn asked_to_end_a_process_that_waits_for_work_ends() {
    for concurrency in ["1", "4"] {
        let context = TestContext::new().await.with("AWS_LAMBDA_MAX_CONCURRENCY", concurrency);
        let process = ExecutionEnvironment::start("system", context.variables()).await.unwrap();
        assert_eq!(Client::of(process.clone()).get("/health").send().await.status, 200);
        assert_eq!(process.terminate().await.unwrap().code(), Some(0), "{}", process.log());
    }
}

/// A function with a mistake in it.
#[derive(Clone)]
struct Mistaken(Limiter);

impl Function for Mistaken {
    const NAME: &'static str = "mistaken";

    fn from_env(env: &Env) -> Result<Self, config::Error> {
        Ok(Self(Limiter::from_env(env, Redis::from_env(env)?)?))
    }

    fn routes(&self) -> Routes<Self> {
        Routes::new(&self.0).unlimited(routes!(make_a_mistake)).unlimited(routes!(be_fine))
    }
}

#[utoipa::path(get, path = "/mistake")]
async fn make_a_mistake() -> &'static str {
    panic!("the secret of {}", "hunter2")
}

#[utoipa::path(get, path = "/fine")]
async fn be_fine() -> &'static str {
    "fine"
}

async fn assert_a_panic_is_survived(mistaken: &Client) {
    for _ in 0..3 {
        let answer = mistaken.get("/mistake").send().await;
        assert_problem(&answer, 500);
        assert!(!answer.text().contains("hunter2"), "{}", answer.text());
        let next = mistaken.get("/fine").send().await;
        assert_eq!((next.status, next.text()), (200, "fine"));
    }
}

#[tokio::test]
async fn a_panic_is_a_500_with_the_requests_id_and_the_next_request_is_served() {
    let context = TestContext::new().await;
    assert_a_panic_is_survived(&Client::start::<Mistaken>(context.env()).unwrap()).await;
}

/// The test below runs this one as a process.
#[test]
#[ignore = "is the main of a function, for the test below"]
fn the_main_of_a_mistaken_function() {
    // Ends at once unless it is called under a runtime API.
    let _ = shared::lambda::serve::<Mistaken>();
}

#[tokio::test]
async fn a_panic_does_not_end_the_process() {
    let context = TestContext::new().await;
    let this = std::env::current_exe().unwrap();
    let args = ["--exact", "lifecycle::the_main_of_a_mistaken_function", "--ignored", "--nocapture"];
    let variables: BTreeMap<OsString, OsString> =
        context.variables().iter().map(|(name, value)| (name.into(), value.into())).collect();
    let process = ExecutionEnvironment::run("mistaken", &this, &args, variables).await.unwrap();
    let pid = process.pid();
    assert_a_panic_is_survived(&Client::of(process.clone())).await;
    assert!(process.is_alive() && process.pid() == pid);
    let log = process.log();
    assert!(log.contains("a handler panicked") && log.contains("\"request_id\""), "{log}");
}
