//! Sign-in and registration while a store is unavailable.

use testkit::TestContext;
use testkit::proxy::{Mode, Proxy};
use testkit::users::{PASSWORD, sign_up};

use super::{auth, log_in, register};
use crate::support::clients::probe;
use crate::support::responses::assert_problem;

#[tokio::test]
async fn a_password_that_could_not_be_checked_does_not_count_as_a_guess() {
    let context = TestContext::new().await;
    sign_up(&context, "ada").await;
    let (context, proxy) = Proxy::replacing_url(context, "DATABASE_URL").await;
    let auth = auth(&context);
    proxy.set(Mode::Closed);
    for _ in 0..7 {
        assert_problem(&log_in(&auth, "ada", PASSWORD).await, 503);
    }
    proxy.set(Mode::Open);
    assert_eq!(log_in(&auth, "ada", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn without_redis_guesses_are_counted_in_the_database() {
    let context = TestContext::new().await;
    sign_up(&context, "ada").await;
    sign_up(&context, "bob").await;
    let (context, proxy) = Proxy::replacing_url(context, "REDIS_URL").await;
    let environments = [auth(&context), auth(&context)].map(|auth| auth.from_ip("192.0.2.1"));
    proxy.set(Mode::Closed);
    let right = PASSWORD;
    assert_eq!(log_in(&environments[0], "ada", right).await.status, 200);
    for n in 0..5 {
        assert_problem(&log_in(&environments[n % 2], "ada", "wrong").await, 400);
    }
    assert_problem(&log_in(&environments[0], "ada", right).await, 400);
    assert_eq!(log_in(&environments[1], "bob", right).await.status, 200, "only this pair is locked");
    let counted = "select coalesce(max(guesses), 0) from login_guesses";
    let most: i32 = context.database().await.query_one(counted, &[]).await.unwrap().get(0);
    assert_eq!(most, 5, "what is not checked does not count");
    proxy.set(Mode::Open);
    assert_eq!(log_in(&environments[0], "ada", right).await.status, 200, "Redis counts again");
}

#[tokio::test]
async fn registration_is_unavailable_without_redis() {
    let (context, proxy) = Proxy::replacing_url(TestContext::new().await, "REDIS_URL").await;
    proxy.set(Mode::Swallowing);
    let auth = auth(&context);
    assert_problem(&register(&auth, "ada").await, 503);
}

#[tokio::test]
async fn a_registration_waits_for_redis_where_a_ping_does_not() {
    let (context, proxies) = crate::connections::slow_stores(TestContext::new().await, 700, 0).await;
    let context = context.with("REDIS_PATIENCE_MS", "50");
    let auth = auth(&context);
    assert_eq!(register(&auth, "ada").await.status, 201);
    let probe = probe(&context);
    let ping = probe.get("/probe/ping").send().await;
    assert_eq!((ping.status, ping.header("ratelimit")), (200, None), "admitted uncounted");
    assert_eq!(proxies[0].opened(), 2, "one for each environment");
}

#[tokio::test]
async fn unavailable_stores_are_told_as_oauth_demands() {
    let context = TestContext::new().await;
    let unavailable = context
        .with("DATABASE_URL", "postgres://u:p@127.0.0.1:1/x")
        .with("REDIS_URL", "redis://127.0.0.1:1/");
    let response = log_in(&auth(&unavailable), "ada", "x").await;
    assert_eq!(assert_problem(&response, 503)["error"], "temporarily_unavailable");
}
