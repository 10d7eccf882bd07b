//! The `bf-demo` function. What locks do is tested in `lockout`.

use serde_json::json;
use testkit::{Client, Response, TestContext};

use crate::support::redis_keys::connection;
use crate::support::responses::assert_problem;
use crate::template::cache_users::{self, key_patterns};

async fn guess(demo: &Client, name: &str, password: &str) -> Response {
    demo.post("/bf-demo/login").json(&json!({"username": name, "password": password})).send().await
}

#[tokio::test]
async fn it_takes_a_name_in_any_case_and_without_surrounding_white_space_and_shows_its_lock() {
    let context = TestContext::new().await;
    let demo = Client::start::<bf_demo::App>(context.env()).unwrap();
    for (failures, name) in (1..).zip(["bob", " Bob ", "\tBOB\n", "\u{a0}ｂｏｂ\u{2003}", "bob\u{3000}"]) {
        let wrong = guess(&demo, name, "wrong").await.json();
        assert_eq!(
            (&wrong["ok"], &wrong["failures_for_this_user_ip"]),
            (&json!(false), &json!(failures)),
            "{name:?}"
        );
    }
    let locked = guess(&demo, " bOb", "letmein").await;
    assert_problem(&locked, 429);
    assert!((1..=60).contains(&locked.retry_after().unwrap().as_secs()));
    let other = guess(&demo, "b ob", "letmein").await;
    assert_eq!(other.json()["ok"], true, "white space within a name is part of it");
}

#[tokio::test]
async fn it_reaches_nothing_but_its_own_counts() {
    let Some(context) = cache_users::context("it_reaches_nothing_but_its_own_counts").await else { return };
    let patterns = key_patterns("bf-demo", &mut connection(&context).await).await;
    let patterns: Vec<_> = patterns.iter().map(String::as_str).collect();
    assert_eq!(patterns, ["limit:demo_login:*", "limit:demo_state:*", "{lockout}:demo:*"]);
}
