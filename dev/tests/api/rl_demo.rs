//! The `rl-demo` function. What limits do is tested in `rate_limits`.

use testkit::{Client, TestContext};

use crate::support::redis_keys::connection;
use crate::support::responses::assert_problem;
use crate::template::cache_users::{self, key_patterns};

#[tokio::test]
async fn its_quotas_are_those_of_the_original() {
    let context = TestContext::new().await;
    let demo = Client::start::<rl_demo::App>(context.env()).unwrap();
    for (method, path, policy, admitted) in [
        ("GET", "/rl-demo/ping", "\"ping\";q=5;w=10", 5),
        ("POST", "/rl-demo/login-sim", "\"login_sim\";q=3;w=60", 3),
    ] {
        for _ in 0..admitted {
            let response = demo.request(method, path).send().await;
            assert_eq!((response.status, response.header("ratelimit-policy")), (200, Some(policy)));
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
