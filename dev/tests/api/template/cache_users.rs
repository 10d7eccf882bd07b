//! The users of the cache have just the rights that they need. The server of the stack has the same users, so every
//! other test also shows that functions can do their work with these rights.

use redis::aio::MultiplexedConnection;
use redis::{Cmd, RedisError, cmd};
use stack::cache_users::{ADMIN_VARIABLE, url_for};
use testkit::TestContext;

use crate::support::not_run::not_run;
use crate::support::redis_keys::connection;

/// Each function with a user, and the name of a key of another one.
const FUNCTIONS: [(&str, &str); 5] = [
    ("rl-demo", "{lockout}:demo:x"),
    ("bf-demo", "{lockout}:name:x"),
    ("system", "cache:{books}"),
    ("auth", "cache:{books}"),
    ("books", "{lockout}:name:x"),
];

/// A context on the stack's own server; `None`, with a message, if the tests use another one, without our users.
async fn context(test: &str) -> Option<TestContext> {
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
    for (function, foreign) in FUNCTIONS {
        let mut redis = connection_of(function, &context).await;
        let foreign = format!("{}{foreign}", context.variable("REDIS_KEY_PREFIX"));
        for forbidden in [
            vec!["DEL", &foreign],
            vec!["GET", &foreign],
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
    for (function, foreign) in FUNCTIONS {
        let mut redis = connection_of(function, &context).await;
        let own = format!("{prefix}limit:x");
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
