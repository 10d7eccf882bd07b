//! The `rl-demo` function. What limits do is tested in `rate_limits`.

use shared::protection::quotas;
use testkit::{Client, TestContext};

use crate::support::redis_keys::connection;
use crate::support::responses::assert_problem;
use crate::template::cache_users::{self, key_patterns};

#[tokio::test]
async fn each_route_admits_as_many_as_its_quota_says() {
    let context = TestContext::new().await;
    let demo = Client::start::<rl_demo::App>(context.env()).unwrap();
    for (method, path, quota) in
        [("GET", "/rl-demo/ping", quotas::PING), ("POST", "/rl-demo/login-sim", quotas::LOGIN_SIM)]
    {
        let policy = format!("\"{}\";q={};w={}", quota.name, quota.limit, quota.window.as_secs());
        for _ in 0..quota.limit {
            let response = demo.request(method, path).send().await;
            assert_eq!((response.status, response.header("ratelimit-policy")), (200, Some(policy.as_str())));
        }
        assert_problem(&demo.request(method, path).send().await, 429);
    }
}

#[tokio::test]
async fn it_reaches_nothing_but_its_own_counts() {
    let Some(context) = cache_users::context("it_reaches_nothing_but_its_own_counts").await else { return };
    let patterns = key_patterns("rl-demo", &mut connection(&context).await).await;
    let patterns: Vec<_> = patterns.iter().map(String::as_str).collect();
    assert_eq!(patterns, ["limit:demo_state:*", "limit:login_sim:*", "limit:ping:*"]);
}
