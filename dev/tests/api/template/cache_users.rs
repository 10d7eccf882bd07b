//! The users of the cache, with the rights that the template gives them, on a real server.

use bf_demo::App as BfDemo;
use redis::aio::MultiplexedConnection;
use rl_demo::App as RlDemo;
use serde_json::json;
use shared::lambda::function::Function;
use shared::testing::{Client, Stage};

use super::document::Template;
use crate::people::{PASSWORD, auth, books, log_in, register, sign_up};

async fn connection(url: &str) -> MultiplexedConnection {
    redis::Client::open(url).unwrap().get_multiplexed_async_connection().await.unwrap()
}

/// Makes the user of a function on the stage's server, with a password instead of IAM, for the keys of the stage.
async fn user(stage: &Stage, resource: &str) -> String {
    let template = Template::read();
    let rights = template.resource(resource)["AccessString"].as_str().unwrap();
    let prefix = stage.variable("REDIS_KEY_PREFIX");
    let name = format!("{prefix}{resource}");
    let mut command = redis::cmd("ACL");
    command.arg("SETUSER").arg(&name).arg(">password");
    for right in rights.replace("~bookshelf:", &format!("~{prefix}")).split(' ') {
        command.arg(right);
    }
    let url = stage.variable("REDIS_URL");
    command.exec_async(&mut connection(url).await).await.unwrap();
    let (scheme, rest) = url.split_once("://").unwrap();
    let host = rest.rsplit('@').next().unwrap();
    format!("{scheme}://{}:password@{host}", name.replace(':', "%3A"))
}

async fn under_its_user(resource: &str) -> Stage {
    let stage = Stage::new().await;
    let url = user(&stage, resource).await;
    stage.with("REDIS_URL", &url)
}

fn start<F: Function>(stage: &Stage) -> Client {
    Client::start::<F>(&stage.env()).unwrap()
}

#[tokio::test]
async fn every_function_may_do_in_the_cache_what_it_does() {
    let stage = under_its_user("RlDemoCacheUser").await;
    let rl_demo = start::<RlDemo>(&stage);
    for expected in [200, 200, 200, 200, 200, 429] {
        assert_eq!(rl_demo.get("/rl-demo/ping").send().await.status, expected);
    }

    let stage = under_its_user("BfDemoCacheUser").await;
    let bf_demo = start::<BfDemo>(&stage);
    for (password, expected) in
        [("letmein", 200), ("a", 200), ("b", 200), ("c", 200), ("d", 200), ("e", 200), ("f", 429)]
    {
        let guess = json!({"username": "ada", "password": password});
        assert_eq!(bf_demo.post("/bf-demo/login").json(&guess).send().await.status, expected, "{password}");
    }

    let stage = under_its_user("SystemCacheUser").await;
    assert_eq!(start::<system::App>(&stage).get("/health/ready").send().await.status, 200);
}

#[tokio::test]
async fn sign_in_and_lists_work_under_their_users_of_the_cache() {
    let stage = under_its_user("AuthCacheUser").await;
    let auth = auth(&stage);
    assert_eq!(register(&auth, "ada").await.status, 201);
    assert_eq!(log_in(&auth, "ada", PASSWORD).await.status, 200);
    for _ in 0..5 {
        assert_eq!(log_in(&auth, "ada", "wrong password").await.status, 400);
    }
    assert_eq!(log_in(&auth, "ada", PASSWORD).await.status, 400, "the lock is kept in the cache");

    let stage = Stage::new().await;
    let person = sign_up(&stage, "ada").await;
    let url = user(&stage, "BooksCacheUser").await;
    let stage = stage.with("REDIS_URL", &url);
    let books = books(&stage);
    let draft = json!({"title": "Kindred", "author": "Octavia E. Butler"});
    assert_eq!(books.post("/books").bearer(&person.access).json(&draft).send().await.status, 201);
    // Past the cache: only what is in it is found now.
    for _ in 0..2 {
        let list = books.get("/books").send().await;
        assert_eq!(list.json()["total"], 1);
        stage.database().await.batch_execute("delete from books").await.unwrap();
    }
}

#[tokio::test]
async fn a_playground_reaches_no_lock_and_no_list_and_nobody_empties_the_cache() {
    let stage = Stage::new().await;
    let prefix = stage.variable("REDIS_KEY_PREFIX").to_owned();
    for (resource, foreign) in [
        ("RlDemoCacheUser", "{lockout}:demo:x"),
        ("BfDemoCacheUser", "{lockout}:name:x"),
        ("SystemCacheUser", "cache:{books}"),
        ("AuthCacheUser", "cache:{books}"),
        ("BooksCacheUser", "{lockout}:name:x"),
    ] {
        let mut redis = connection(&user(&stage, resource).await).await;
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
