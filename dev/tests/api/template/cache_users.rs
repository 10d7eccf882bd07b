//! The users of the cache have just the rights that they need. The server of the stack has the same users, so every
//! other test also shows that functions can do their work with these rights.

use std::collections::{BTreeMap, BTreeSet};

use redis::aio::MultiplexedConnection;
use redis::{Cmd, RedisError, cmd};
use stack::cache_users::{ADMIN_VARIABLE, url_for};
use testkit::functions::{describe_all, find};
use testkit::{Client, TestContext};

use crate::support::not_run::not_run;
use crate::support::redis_keys::connection;

/// Each function with a user: the name of a key of its own, and of keys of others.
const FUNCTIONS: &[(&str, &str, [&str; 3])] = &[
    ("rl-demo", "limit:ping:x", ["{lockout}:demo:x", "limit:default:x", "limit:login:x"]),
    ("bf-demo", "limit:demo_login:x", ["{lockout}:name:x", "limit:default:x", "limit:login:x"]),
    ("system", "limit:default:x", ["cache:{books}", "limit:login:x", "{lockout}:name:x"]),
    ("auth", "limit:login:x", ["cache:{books}", "{lockout}x", "limit:default"]),
    ("books", "limit:default:x", ["{lockout}:name:x", "limit:login:x", "limit:register:x"]),
];

/// A context on the stack's own server; `None`, with a message, if the tests use another one, without our users.
pub(crate) async fn context(test: &str) -> Option<TestContext> {
    let context = TestContext::new().await;
    if context.variable(ADMIN_VARIABLE).is_empty() {
        not_run(test, "REDIS_URL names a server that is not the stack's");
        return None;
    }
    Some(context)
}

async fn connection_of(function: &str, context: &TestContext) -> MultiplexedConnection {
    let url = url_for(function, context.variable("REDIS_URL")).unwrap().unwrap();
    redis::Client::open(url).unwrap().get_multiplexed_async_connection().await.unwrap()
}

async fn refusal(command: &Cmd, redis: &mut MultiplexedConnection) -> RedisError {
    command.query_async::<redis::Value>(redis).await.unwrap_err()
}

#[tokio::test]
async fn no_cache_user_reaches_foreign_keys_or_flushes_the_cache() {
    let Some(context) = context("no_cache_user_reaches_foreign_keys_or_flushes_the_cache").await else {
        return;
    };
    let prefix = context.variable("REDIS_KEY_PREFIX");
    for (function, _, foreign) in FUNCTIONS {
        let mut redis = connection_of(function, &context).await;
        let [one, two, three] = foreign.map(|name| format!("{prefix}{name}"));
        for forbidden in [
            vec!["DEL", &one],
            vec!["GET", &one],
            vec!["LRANGE", &two, "0", "-1"],
            vec!["DEL", &three],
            vec!["KEYS", "*"],
            vec!["FLUSHALL"],
            vec!["CONFIG", "GET", "*"],
            vec!["ACL", "LIST"],
            vec!["TIME"],
            vec!["SCRIPT", "LOAD", "return 1"],
        ] {
            let refused = refusal(cmd(forbidden[0]).arg(&forbidden[1..]), &mut redis).await;
            assert_eq!(refused.code(), Some("NOPERM"), "{function}: {forbidden:?}: {refused}");
        }
    }
}

#[tokio::test]
async fn no_script_of_a_cache_user_asks_for_the_time_or_reaches_foreign_keys() {
    let test = "no_script_of_a_cache_user_asks_for_the_time_or_reaches_foreign_keys";
    let Some(context) = context(test).await else { return };
    let prefix = context.variable("REDIS_KEY_PREFIX");
    for (function, own, [foreign, ..]) in FUNCTIONS {
        let mut redis = connection_of(function, &context).await;
        let own = format!("{prefix}{own}");
        let eval = |script: &str| {
            let mut eval = cmd("EVAL");
            eval.arg(script).arg(1).arg(&own);
            eval
        };
        let allowed = "return redis.call('SET', KEYS[1], 'x', 'PX', '1000')";
        eval(allowed).exec_async(&mut redis).await.unwrap_or_else(|error| panic!("{function}: {error}"));
        for script in
            ["return redis.call('TIME')".to_owned(), format!("return redis.call('GET', '{prefix}{foreign}')")]
        {
            let refused = refusal(&eval(&script), &mut redis).await.to_string();
            assert!(refused.contains("ACL failure in script"), "{function}: {script}: {refused}");
        }
    }
}

/// What the server lets the user of `function` reach of the stack's keys, without the name of the stack.
pub(crate) async fn key_patterns(function: &str, redis: &mut MultiplexedConnection) -> BTreeSet<String> {
    let user: BTreeMap<String, redis::Value> = cmd("ACL")
        .arg(&["GETUSER", &format!("bookshelf-{function}")])
        .query_async(redis)
        .await
        .unwrap_or_else(|error| panic!("{function} has no user: {error}"));
    let patterns: String = redis::from_redis_value(user["keys"].clone()).unwrap();
    let of_stack = patterns.split(' ').filter_map(|pattern| pattern.strip_prefix("~bookshelf:"));
    of_stack.map(str::to_owned).collect()
}

#[tokio::test]
async fn a_cache_user_reaches_the_counts_of_the_quotas_of_its_function_and_no_others() {
    let test = "a_cache_user_reaches_the_counts_of_the_quotas_of_its_function_and_no_others";
    let Some(context) = context(test).await else { return };
    let mut redis = connection(&context).await;
    // As the administrator, so that a right that is missing hides no quota.
    let context = context.clone().with("REDIS_URL", context.redis_admin_url());
    let functions = describe_all(|| context.env()).unwrap();
    for function in functions.iter().filter(|function| !function.openapi.paths.paths.is_empty()) {
        let client = Client::of(find(function.name).unwrap().start(&context.env()).unwrap());
        let mut counted = BTreeSet::new();
        for (path, item) in &function.openapi.paths.paths {
            for method in serde_json::to_value(item).unwrap().as_object().unwrap().keys() {
                let request = client.request(&method.to_uppercase(), &path.replace("{id}", "1"));
                let response = request.send().await;
                let policy = response.header("ratelimit-policy").and_then(|policy| policy.split('"').nth(1));
                assert!(policy.is_some() || path == "/health", "{method} {path}: {}", response.text());
                counted.extend(policy.map(|quota| format!("limit:{quota}:*")));
            }
        }
        let mut permitted = key_patterns(function.name, &mut redis).await;
        permitted.retain(|pattern| pattern.starts_with("limit:") || pattern.starts_with('*'));
        assert_eq!(permitted, counted, "{}; left: template.yaml, right: its quotas", function.name);
    }
}

#[tokio::test]
async fn the_cache_is_a_cluster_in_which_a_command_reaches_one_slot() {
    let Some(context) = context("the_cache_is_a_cluster_in_which_a_command_reaches_one_slot").await else {
        return;
    };
    let mut redis = connection(&context).await;
    let state: String = cmd("CLUSTER").arg("INFO").query_async(&mut redis).await.unwrap();
    assert!(state.contains("cluster_state:ok") && state.contains("cluster_slots_assigned:16384"), "{state}");
    let prefix = context.variable("REDIS_KEY_PREFIX");
    let refused = refusal(cmd("DEL").arg(format!("{prefix}a")).arg(format!("{prefix}b")), &mut redis).await;
    assert_eq!(refused.code(), Some("CROSSSLOT"), "{refused}");
}
