//! Stores that are unavailable, that close connections, or that stop responding without closing them.
//!
//! A proxy between a function and its store makes the store fail and recover.

use std::time::Duration;

use serde_json::json;
use testkit::proxy::{Mode, Proxy};
use testkit::users::sign_up;
use testkit::{Client, Response, TestContext};
use tokio::time::timeout;

use crate::support::clients::probe;
use crate::support::responses::assert_problem;

/// Sends a `GET` request. A missing response fails the test after 10 seconds.
async fn get(client: &Client, path: &str) -> Response {
    let client = client.from_new_network();
    timeout(Duration::from_secs(10), client.get(path).send()).await.expect("a response of any status")
}

#[tokio::test]
async fn an_unresponsive_database_is_a_503_and_the_first_request_after_it_succeeds() {
    let (context, proxy) = Proxy::replacing_url(TestContext::new().await, "DATABASE_URL").await;
    let probe = probe(&context);
    assert_problem(&get(&probe, "/probe/notes/1").await, 404);
    for state in [Mode::Swallowing, Mode::Closed] {
        proxy.set(state);
        assert_problem(&get(&probe, "/probe/notes/1").await, 503);
        assert_problem(&get(&probe, "/probe/notes/1").await, 503);
        proxy.set(Mode::Open);
        assert_problem(&get(&probe, "/probe/notes/1").await, 404);
    }
}

#[tokio::test]
async fn a_statement_that_ran_into_a_limit_of_the_server_is_not_sent_again() {
    for limit in ["statement_timeout", "lock_timeout"] {
        let context = TestContext::new().await;
        let mut database = context.database().await;
        let name: String = database.query_one("select current_database()", &[]).await.unwrap().get(0);
        let sql = format!("alter role current_user in database {name} set {limit} = '200ms'");
        database.batch_execute(&sql).await.unwrap();
        let (behind_proxy, proxy) = Proxy::replacing_url(context, "DATABASE_URL").await;
        let probe = probe(&behind_proxy);
        assert_problem(&get(&probe, "/probe/notes/1").await, 404);
        let sent = proxy.count("from probe_notes where id");
        let lock = database.transaction().await.unwrap();
        lock.batch_execute("lock table probe_notes").await.unwrap();
        assert_problem(&get(&probe, "/probe/notes/1").await, 503);
        assert_eq!(proxy.count("from probe_notes where id"), sent + 1, "{limit}");
        drop(lock);
        assert_problem(&get(&probe, "/probe/notes/1").await, 404);
        assert_eq!(proxy.opened(), 1, "{limit}: the connection is kept");
    }
}

#[tokio::test]
async fn a_token_is_never_refused_because_the_database_is_unavailable() {
    let context = TestContext::new().await;
    let ada = sign_up(&context, "ada").await;
    let (context, proxy) = Proxy::replacing_url(context, "DATABASE_URL").await;
    let probe = probe(&context);
    let post = async || {
        let note = json!({"text": "T"});
        timeout(
            Duration::from_secs(10),
            probe.from_new_network().post("/probe/notes").bearer(&ada.access).json(&note).send(),
        )
        .await
    };
    proxy.set(Mode::Swallowing);
    assert_problem(&post().await.unwrap(), 503);
    proxy.set(Mode::Open);
    assert_eq!(post().await.unwrap().status, 201);
}

#[tokio::test]
async fn a_connection_that_the_server_closed_is_replaced_without_a_failed_request() {
    let context = TestContext::new().await;
    let probe = probe(&context);
    for _ in 0..3 {
        assert_problem(&get(&probe, "/probe/notes/1").await, 404);
        let sql = "select pg_terminate_backend(pid) from pg_stat_activity
            where datname = current_database() and usename = current_user and pid <> pg_backend_pid()";
        context.database().await.execute(sql, &[]).await.unwrap();
    }
    assert_problem(&get(&probe, "/probe/notes/1").await, 404);
}

#[tokio::test]
async fn without_redis_lists_come_from_the_database_and_writes_succeed() {
    let context = TestContext::new().await;
    let ada = sign_up(&context, "ada").await;
    let (context, proxy) = Proxy::replacing_url(context, "REDIS_URL").await;
    let probe = probe(&context);
    assert_eq!(get(&probe, "/probe/notes").await.json()["total"], 0);
    for (n, state) in [Mode::Swallowing, Mode::Closed].into_iter().enumerate() {
        proxy.set(state);
        let note = json!({"text": "T"});
        let created =
            probe.from_new_network().post("/probe/notes").bearer(&ada.access).json(&note).send().await;
        assert_eq!(created.status, 201, "{}", created.text());
        let list = get(&probe, "/probe/notes").await;
        assert_eq!((list.status, &list.json()["total"]), (200, &json!(n + 1)));
    }
    proxy.set(Mode::Open);
    let counted = get(&probe, "/probe/notes?page=99").await;
    assert!(counted.header("ratelimit").is_some(), "Redis is used again by the very next request");
}

#[tokio::test]
async fn a_database_that_is_read_only_or_full_is_a_503() {
    let context = TestContext::new().await;
    let ada = sign_up(&context, "ada").await;
    let database = context.database().await;
    let name: String = database.query_one("select current_database()", &[]).await.unwrap().get(0);
    let note = json!({"text": "T"});
    for (setting, undo) in [
        ("set default_transaction_read_only = on", "reset default_transaction_read_only"),
        ("connection limit 0", "connection limit -1"),
    ] {
        let alter = async |what: &str| {
            database.batch_execute(&format!("alter database {name} {what}")).await.unwrap();
        };
        alter(setting).await;
        let probe = probe(&context);
        let response =
            probe.from_new_network().post("/probe/notes").bearer(&ada.access).json(&note).send().await;
        assert_problem(&response, 503);
        alter(undo).await;
        let response =
            probe.from_new_network().post("/probe/notes").bearer(&ada.access).json(&note).send().await;
        assert_eq!(response.status, 201, "{setting}: {}", response.text());
    }
}
