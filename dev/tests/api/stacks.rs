//! Two stacks that share every store never meet: what they keep there carries the name of the stack.

use serde_json::{Value, json};
use shared::protection::limiter::{Limiter, RateLimitKey};
use shared::protection::quota::Quota;
use shared::stores::redis::Redis;
use stack::environment::ExecutionEnvironment;
use testkit::functions::FUNCTIONS;
use testkit::records::Records;
use testkit::users::sign_up;
use testkit::{Client, Response, TestContext};
use uuid::Uuid;

use crate::support::clients::probe;

/// The same stores for two stacks.
fn two_stacks(context: &TestContext) -> [TestContext; 2] {
    ["one", "two"].map(|name| context.clone().with("STACK_NAME", name))
}

async fn create(probe: &Client, token: &str, title: &str) -> Response {
    let request = probe.post("/probe/notes").bearer(token).header("idempotency-key", "k");
    request.json(&json!({"text": title})).send().await
}

#[tokio::test]
async fn two_stacks_do_not_answer_each_others_idempotency_keys() {
    let context = TestContext::new().await;
    let records = Records::of(&context);
    records.create_table().await.unwrap();
    let ada = sign_up(&context, "ada").await;
    for (n, stack) in (1..).zip(two_stacks(&context)) {
        let probe = probe(&stack);
        // With another body, which the other stack would refuse.
        let created = create(&probe, &ada.access, &format!("T{n}")).await;
        assert_eq!((created.status, &created.json()["id"]), (201, &json!(n)), "{}", created.text());
        let replayed = create(&probe, &ada.access, &format!("T{n}")).await;
        assert_eq!(replayed.header("idempotency-replayed"), Some("true"));
    }
    assert_eq!(records.all().await.unwrap().len(), 2);
}

#[tokio::test]
async fn two_stacks_without_their_table_have_rows_of_their_own() {
    let context = TestContext::new().await;
    let ada = sign_up(&context, "ada").await;
    for (n, stack) in (1..).zip(two_stacks(&context)) {
        let created = create(&probe(&stack), &ada.access, &format!("T{n}")).await;
        assert_eq!((created.status, &created.json()["id"]), (201, &json!(n)), "{}", created.text());
    }
}

#[tokio::test]
async fn the_keys_of_a_stack_in_redis_begin_with_its_name() {
    const QUOTA: Quota = Quota::new("test", 1);
    let context = TestContext::new().await;
    let mut redis = crate::support::redis_keys::connection(&context).await;
    for _ in 0..2 {
        let name = format!("test-{}", Uuid::new_v4());
        // As the administrator, since the names of keys that functions may use are those of this project's stack.
        let env = context.clone().with("STACK_NAME", &name).with("REDIS_KEY_PREFIX", "");
        let env = env.with("REDIS_URL", context.redis_admin_url()).env();
        let limiter = Limiter::from_env(&env, Redis::from_env(&env).unwrap()).unwrap();
        for admitted in [true, false] {
            let decision = limiter.admit(QUOTA, RateLimitKey::Client("somebody")).await.unwrap();
            assert_eq!(decision.admitted, admitted);
        }
        let key = format!("{name}:limit:test:60s:somebody");
        assert_eq!(redis::cmd("LLEN").arg(&key).query_async::<u32>(&mut redis).await.unwrap(), 1);
    }
}

#[tokio::test]
async fn a_metric_names_its_stack() {
    let context =
        TestContext::new().await.with("STACK_NAME", "one").with("REDIS_URL", "redis://127.0.0.1:1/");
    let environment = ExecutionEnvironment::start("system", context.variables()).await.unwrap();
    assert_eq!(Client::of(environment.clone()).get("/openapi.json").send().await.status, 200);
    let log = environment.log();
    let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let metrics: Vec<_> = lines.filter(|line| line.get("_aws").is_some()).collect();
    assert_eq!((metrics.len(), &metrics[0]["stack"]), (1, &json!("one")), "{log}");
}

#[tokio::test]
async fn a_wrong_name_of_the_stack_ends_the_start_of_every_function() {
    let context = TestContext::new().await.with("STACK_NAME", "one:two");
    for function in FUNCTIONS {
        let error = function.variables(&context.env()).unwrap_err().to_string();
        assert!(error.starts_with("STACK_NAME is not "), "{}: {error}", function.name);
        let process = ExecutionEnvironment::start(function.name, context.variables()).await.unwrap();
        assert_eq!(process.ended().await.unwrap().code(), Some(1), "{}", function.name);
        assert!(process.log().starts_with("can not start: STACK_NAME is not "), "{}", process.log());
    }
}
