//! Metrics of the sign-in.

use serde_json::json;
use stack::environment::ExecutionEnvironment;
use testkit::users::{PASSWORD, sign_up};
use testkit::{Client, TestContext};

use super::{log_in, refresh, register};
use crate::support::process_log::{assert_two_requests_are_told_apart, counts, metrics};
use crate::support::responses::{assert_problem, text};

#[tokio::test]
async fn each_locked_guess_is_one_metric_line_and_other_requests_are_none() {
    let context = TestContext::new().await;
    let environment = ExecutionEnvironment::start("auth", context.variables()).await.unwrap();
    let auth = Client::of(environment.clone());
    let guess = async || assert_problem(&log_in(&auth, "ada", "wrong").await, 400);
    for _ in 0..5 {
        guess().await;
    }
    assert_eq!(metrics(&environment).len(), 0);
    for _ in 0..2 {
        guess().await;
    }
    let lines = metrics(&environment);
    let expected = json!({"function": "auth", "Lockouts": 1});
    assert_eq!(lines.iter().map(counts).collect::<Vec<_>>(), [expected.clone(), expected]);
    assert_ne!(lines[0]["request_id"], lines[1]["request_id"]);
}

#[tokio::test]
async fn lockouts_token_reuses_and_server_errors_are_counted_without_secrets() {
    let context = TestContext::new().await.with("REFRESH_GRACE_SECONDS", "0");
    let environment = ExecutionEnvironment::start("auth", context.variables()).await.unwrap();
    let auth = Client::of(environment.clone());
    register(&auth, "ada").await;
    let tokens = log_in(&auth, "ada", PASSWORD).await;
    assert_eq!(refresh(&auth, &text(&tokens, "refresh_token")).await.status, 200);
    assert_eq!(refresh(&auth, &text(&tokens, "refresh_token")).await.status, 400);
    let guesser = auth.from_new_network();
    for _ in 0..6 {
        assert_problem(&log_in(&guesser, "ada", "wrong").await, 400);
    }
    let lines = metrics(&environment);
    let counted: Vec<_> = lines.iter().map(counts).collect();
    assert_eq!(
        counted,
        [json!({"function": "auth", "TokenReuse": 1}), json!({"function": "auth", "Lockouts": 1})]
    );
    let unavailable = context.with("DATABASE_URL", "postgres://nobody@127.0.0.1:1/nothing");
    let environment = ExecutionEnvironment::start("auth", unavailable.variables()).await.unwrap();
    let failed = log_in(&Client::of(environment.clone()), "ada", "wrong").await;
    let problem = assert_problem(&failed, 503);
    let lines = metrics(&environment);
    assert_eq!(
        lines.iter().map(counts).collect::<Vec<_>>(),
        [json!({"function": "auth", "ServerErrors": 1})]
    );
    assert_eq!(lines[0]["request_id"], problem["request_id"]);
}

#[tokio::test]
async fn a_guess_that_the_database_counts_is_a_fallback() {
    let context = TestContext::new().await;
    sign_up(&context, "ada").await;
    let without_redis = context.with("REDIS_URL", "redis://127.0.0.1:1/");
    let environment = ExecutionEnvironment::start("auth", without_redis.variables()).await.unwrap();
    assert_eq!(log_in(&Client::of(environment.clone()), "ada", PASSWORD).await.status, 200);
    assert_eq!(
        metrics(&environment).iter().map(counts).collect::<Vec<_>>(),
        [json!({"function": "auth", "UncountedRequests": 1, "FallbackGuesses": 1})]
    );
}

#[tokio::test]
async fn a_security_event_has_the_id_of_its_request_where_only_errors_are_logged() {
    let context = TestContext::new().await.with("LOG_LEVEL", "error");
    let environment = ExecutionEnvironment::start("auth", context.variables()).await.unwrap();
    for name in ["ada", "bob"] {
        assert_eq!(register(&Client::of(environment.clone()), name).await.status, 201);
    }
    assert_two_requests_are_told_apart(&environment, "security");
}
