//! The users of the cache: functions work on a real server with exactly the rights that the template gives them.

use bf_demo::App as BfDemo;
use redis::aio::MultiplexedConnection;
use rl_demo::App as RlDemo;
use serde_json::json;
use shared::lambda::function::Function;
use testkit::{Client, TestContext};

use super::document::Template;
use crate::support::users::{PASSWORD, auth, books, log_in, register, sign_up};

async fn connection(url: &str) -> MultiplexedConnection {
    redis::Client::open(url).unwrap().get_multiplexed_async_connection().await.unwrap()
}

/// Creates the cache user of a function on the server of `context`, with a password instead of IAM, and with rights to
/// the keys of the context. Returns the URL for it.
async fn create_user(context: &TestContext, resource: &str) -> String {
    let template = Template::read();
    let rights = template.resource(resource)["AccessString"].as_str().unwrap();
    let prefix = context.variable("REDIS_KEY_PREFIX");
    let name = format!("{prefix}{resource}");
    let mut command = redis::cmd("ACL");
    command.arg("SETUSER").arg(&name).arg(">password");
    for right in rights.replace("~bookshelf:", &format!("~{prefix}")).split(' ') {
        command.arg(right);
    }
    let url = context.variable("REDIS_URL");
    command.exec_async(&mut connection(url).await).await.unwrap();
    let (scheme, rest) = url.split_once("://").unwrap();
    let host = rest.rsplit('@').next().unwrap();
    format!("{scheme}://{}:password@{host}", name.replace(':', "%3A"))
}

async fn under_its_user(resource: &str) -> TestContext {
    let context = TestContext::new().await;
    let url = create_user(&context, resource).await;
    context.with("REDIS_URL", &url)
}

fn start<F: Function>(context: &TestContext) -> Client {
    Client::start::<F>(context.env()).unwrap()
}

#[tokio::test]
async fn demos_and_readiness_work_under_their_cache_users() {
    let context = under_its_user("RlDemoCacheUser").await;
    let rl_demo = start::<RlDemo>(&context);
    for expected in [200, 200, 200, 200, 200, 429] {
        assert_eq!(rl_demo.get("/rl-demo/ping").send().await.status, expected);
    }

    let context = under_its_user("BfDemoCacheUser").await;
    let bf_demo = start::<BfDemo>(&context);
    for (password, expected) in
        [("letmein", 200), ("a", 200), ("b", 200), ("c", 200), ("d", 200), ("e", 200), ("f", 429)]
    {
        let guess = json!({"username": "ada", "password": password});
        assert_eq!(bf_demo.post("/bf-demo/login").json(&guess).send().await.status, expected, "{password}");
    }

    let context = under_its_user("SystemCacheUser").await;
    assert_eq!(start::<system::App>(&context).get("/health/ready").send().await.status, 200);
}

#[tokio::test]
async fn sign_in_and_lists_work_under_their_cache_users() {
    let context = under_its_user("AuthCacheUser").await;
    let auth = auth(&context);
    assert_eq!(register(&auth, "ada").await.status, 201);
    assert_eq!(log_in(&auth, "ada", PASSWORD).await.status, 200);
    for _ in 0..5 {
        assert_eq!(log_in(&auth, "ada", "wrong password").await.status, 400);
    }
    assert_eq!(log_in(&auth, "ada", PASSWORD).await.status, 400, "the lock is in the cache");

    let context = TestContext::new().await;
    let ada = sign_up(&context, "ada").await;
    let url = create_user(&context, "BooksCacheUser").await;
    let context = context.with("REDIS_URL", &url);
    let books = books(&context);
    let book = json!({"title": "Kindred", "author": "Octavia E. Butler"});
    assert_eq!(books.post("/books").bearer(&ada.access).json(&book).send().await.status, 201);
    // After the rows are deleted, only the cached page still has the book.
    for _ in 0..2 {
        let list = books.get("/books").send().await;
        assert_eq!(list.json()["total"], 1);
        context.database().await.batch_execute("delete from books").await.unwrap();
    }
}

#[tokio::test]
async fn no_cache_user_reaches_foreign_keys_or_flushes_the_cache() {
    let context = TestContext::new().await;
    let prefix = context.variable("REDIS_KEY_PREFIX").to_owned();
    for (resource, foreign) in [
        ("RlDemoCacheUser", "{lockout}:demo:x"),
        ("BfDemoCacheUser", "{lockout}:name:x"),
        ("SystemCacheUser", "cache:{books}"),
        ("AuthCacheUser", "cache:{books}"),
        ("BooksCacheUser", "{lockout}:name:x"),
    ] {
        let mut redis = connection(&create_user(&context, resource).await).await;
        let foreign = format!("{prefix}{foreign}");
        for forbidden in [
            vec!["DEL", &foreign],
            vec!["GET", &foreign],
            vec!["KEYS", "*"],
            vec!["FLUSHALL"],
            vec!["CONFIG", "GET", "*"],
            vec!["ACL", "LIST"],
        ] {
            let mut command = redis::cmd(forbidden[0]);
            command.arg(&forbidden[1..]);
            let refused = command.query_async::<redis::Value>(&mut redis).await.unwrap_err();
            assert_eq!(refused.code(), Some("NOPERM"), "{resource}: {forbidden:?}: {refused}");
        }
    }
}
