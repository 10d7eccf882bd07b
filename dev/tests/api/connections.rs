//! Connections to stores that let nobody in at once: they belong to the execution environment, and no request begins a
//! second one beside one that is under way.

use std::time::Duration;

use probe::Probe;
use serde_json::json;
use stack::environment::ExecutionEnvironment;
use testkit::proxy::{Mode, Proxy};
use testkit::users::sign_up;
use testkit::{Client, TestContext};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::support::clients::probe;
use crate::support::responses::assert_problem;

/// `context` with its stores behind proxies that let nobody in before these delays are over.
pub(crate) async fn slow_stores(
    context: TestContext,
    redis: u64,
    postgres: u64,
) -> (TestContext, [Proxy; 2]) {
    let (context, redis_proxy) = Proxy::replacing_url(context, "REDIS_URL").await;
    let (context, postgres_proxy) = Proxy::replacing_url(context, "DATABASE_URL").await;
    redis_proxy.delay_sign_ins(Duration::from_millis(redis));
    postgres_proxy.delay_sign_ins(Duration::from_millis(postgres));
    (context, [redis_proxy, postgres_proxy])
}

fn opened(proxies: &[Proxy; 2]) -> [usize; 2] {
    proxies.each_ref().map(Proxy::opened)
}

async fn start(function: &str, context: &TestContext) -> Client {
    Client::of(ExecutionEnvironment::start(function, context.variables()).await.unwrap())
}

#[tokio::test]
async fn limits_are_exact_from_the_second_request_on_however_slow_the_sign_in_is() {
    for delay in [80, 150, 400] {
        let (context, proxies) = slow_stores(TestContext::new().await, delay, 0).await;
        // In this process no connection is begun before the first request, which waits for it no longer than this.
        let context = context.with("REDIS_PATIENCE_MS", "250").with("RATE_LIMIT_DEFAULT", "5/60");
        let probe = Client::start::<Probe>(context.env()).unwrap().from_ip("192.0.2.1");
        let ping = async || probe.get("/probe/ping").send().await;
        assert_eq!(ping().await.status, 200, "counted or not");
        let mut admitted = 0;
        for _ in 0..12 {
            let response = ping().await;
            assert!(response.header("ratelimit").is_some(), "{delay} ms: counted");
            admitted += usize::from(response.status == 200);
        }
        assert!((4..=5).contains(&admitted), "{delay} ms: {admitted} were admitted after the first");
        assert_eq!(opened(&proxies), [1, 0], "{delay} ms");
    }
}

#[tokio::test]
async fn an_environment_opens_one_connection_to_each_store_for_its_whole_life() {
    for (redis, postgres) in [(80, 300), (150, 700), (400, 300)] {
        let context = TestContext::new().await;
        let ada = sign_up(&context, "ada").await;
        let (context, proxies) = slow_stores(context, redis, postgres).await;
        let context = context.with("REDIS_PATIENCE_MS", "250");
        let probe = start("probe", &context).await;
        let create = async || {
            let request = probe.post("/probe/notes").bearer(&ada.access).json(&json!({"text": "T"}));
            request.send().await
        };
        let created = create().await;
        assert_eq!(created.status, 201, "the very first request: {}", created.text());
        assert_eq!(probe.get("/probe/notes").send().await.json()["total"], 1);
        for _ in 0..3 {
            assert_eq!(create().await.status, 201);
        }
        assert_eq!(opened(&proxies), [1, 1], "{redis} and {postgres} ms");
    }
}

#[tokio::test]
async fn an_environment_signs_in_to_both_stores_at_the_same_time() {
    let (context, proxies) = slow_stores(TestContext::new().await, 0, 0).await;
    for proxy in &proxies {
        proxy.set(Mode::Holding);
    }
    let probe = start("probe", &context).await;
    // Neither store has answered anything yet, and nothing was requested.
    for proxy in &proxies {
        proxy.until_holding().await;
    }
    for proxy in &proxies {
        proxy.set(Mode::Open);
    }
    assert_eq!(probe.get("/probe/notes").send().await.status, 200);
    assert_eq!(opened(&proxies), [1, 1]);
}

#[tokio::test]
async fn a_database_that_wakes_is_a_503_meanwhile_and_gets_one_connection() {
    let (context, proxies) = slow_stores(TestContext::new().await, 0, 15_000).await;
    let context = context.with("AWS_LAMBDA_MAX_CONCURRENCY", "20");
    let probe = start("probe", &context).await;
    let mut meanwhile = JoinSet::new();
    for _ in 0..20 {
        let probe = probe.from_new_network();
        meanwhile.spawn(async move { probe.get("/probe/notes/1").send().await });
    }
    while let Some(response) = meanwhile.join_next().await {
        let response = response.unwrap();
        assert_problem(&response, 503);
        assert!(response.header("retry-after").is_some());
    }
    assert_eq!(opened(&proxies), [1, 1]);
    loop {
        let response = probe.from_new_network().get("/probe/notes/1").send().await;
        if response.status != 503 {
            assert_problem(&response, 404);
            break;
        }
    }
    for _ in 0..20 {
        assert_problem(&probe.from_new_network().get("/probe/notes/1").send().await, 404);
    }
    assert_eq!(opened(&proxies), [1, 1], "requests one after the other share the connection");
}

#[tokio::test]
async fn a_connection_that_died_while_the_process_was_frozen_is_replaced() {
    let (context, proxies) = slow_stores(TestContext::new().await, 0, 0).await;
    let environment = ExecutionEnvironment::start("probe", context.variables()).await.unwrap();
    let probe = Client::of(environment.clone());
    assert_problem(&probe.get("/probe/notes/1").send().await, 404);
    environment.freeze();
    for proxy in &proxies {
        proxy.forget_connections();
    }
    sleep(Duration::from_secs(6)).await;
    environment.thaw();
    let response = probe.get("/probe/notes/1").send().await;
    assert_problem(&response, 404);
    assert!(response.header("ratelimit").is_some(), "counted");
    assert_eq!(opened(&proxies), [2, 2]);
}

#[tokio::test]
async fn a_connection_that_a_network_forgot_costs_one_failed_request() {
    let context = TestContext::new().await;
    let ada = sign_up(&context, "ada").await;
    let (context, postgres) = Proxy::replacing_url(context, "DATABASE_URL").await;
    let (context, redis) = Proxy::replacing_url(context.with("REDIS_PATIENCE_MS", "100"), "REDIS_URL").await;
    let probe = probe(&context);
    let list = async || probe.from_new_network().get("/probe/notes").send().await;
    assert_eq!(list().await.status, 200);
    redis.forget_connections();
    for _ in 0..2 {
        assert_eq!(list().await.status, 200, "from the database");
    }
    assert!(list().await.header("ratelimit").is_some(), "counted again");
    postgres.forget_connections();
    let me = async || {
        let note = json!({"text": "T"});
        probe.from_new_network().post("/probe/notes").bearer(&ada.access).json(&note).send().await
    };
    assert_problem(&me().await, 503);
    assert_eq!(me().await.status, 201);
}

#[tokio::test]
async fn a_server_that_forgets_scripts_runs_them_from_their_source() {
    let (context, redis) = Proxy::replacing_url(TestContext::new().await, "REDIS_URL").await;
    redis.forget_scripts(true);
    let probe = probe(&context);
    for (path, cached) in [("/probe/notes", false), ("/probe/notes", true)] {
        let sent = redis.count("EVAL\r\n");
        let response = probe.get(path).send().await;
        assert_eq!(response.status, 200);
        assert!(response.header("ratelimit").is_some());
        assert!(redis.count("EVAL\r\n") >= sent + 2, "quota and look-up, cached: {cached}");
    }
}
