//! Stores that are unavailable, that close connections, or that stop responding without closing them.
//!
//! A proxy between a function and its store makes the store fail and recover.

use std::time::Duration;

use serde_json::json;
use testkit::proxy::{Mode, Proxy};
use testkit::{Client, Response, TestContext};
use tokio::time::timeout;

use crate::support::responses::assert_problem;
use crate::support::users::{books, log_in, sign_up};

/// Sends a `GET` request. A missing response fails the test after 10 seconds.
async fn get(client: &Client, path: &str) -> Response {
    let client = client.from_new_network();
    timeout(Duration::from_secs(10), client.get(path).send()).await.expect("a response of any status")
}

#[tokio::test]
async fn an_unresponsive_database_is_a_503_and_the_first_request_after_it_succeeds() {
    let (context, proxy) = Proxy::replacing_url(TestContext::new().await, "DATABASE_URL").await;
    let books = books(&context);
    assert_problem(&get(&books, "/books/1").await, 404);
    for state in [Mode::Swallowing, Mode::Closed] {
        proxy.set(state);
        assert_problem(&get(&books, "/books/1").await, 503);
        assert_problem(&get(&books, "/books/1").await, 503);
        proxy.set(Mode::Open);
        assert_problem(&get(&books, "/books/1").await, 404);
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
        let books = books(&behind_proxy);
        assert_problem(&get(&books, "/books/1").await, 404);
        let sent = proxy.count("from books where id");
        let lock = database.transaction().await.unwrap();
        lock.batch_execute("lock table books").await.unwrap();
        assert_problem(&get(&books, "/books/1").await, 503);
        assert_eq!(proxy.count("from books where id"), sent + 1, "{limit}");
        drop(lock);
        assert_problem(&get(&books, "/books/1").await, 404);
        assert_eq!(proxy.opened(), 1, "{limit}: the connection is kept");
    }
}

#[tokio::test]
async fn a_token_is_never_refused_because_the_database_is_unavailable() {
    let context = TestContext::new().await;
    let ada = sign_up(&context, "ada").await;
    let (context, proxy) = Proxy::replacing_url(context, "DATABASE_URL").await;
    let books = books(&context);
    let post = async || {
        let book = json!({"title": "T", "author": "A"});
        timeout(
            Duration::from_secs(10),
            books.from_new_network().post("/books").bearer(&ada.access).json(&book).send(),
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
    let books = books(&context);
    for _ in 0..3 {
        assert_problem(&get(&books, "/books/1").await, 404);
        let sql = "select pg_terminate_backend(pid) from pg_stat_activity
            where datname = current_database() and usename = current_user and pid <> pg_backend_pid()";
        context.database().await.execute(sql, &[]).await.unwrap();
    }
    assert_problem(&get(&books, "/books/1").await, 404);
}

#[tokio::test]
async fn without_redis_lists_come_from_the_database_and_writes_succeed() {
    let context = TestContext::new().await;
    let ada = sign_up(&context, "ada").await;
    let (context, proxy) = Proxy::replacing_url(context, "REDIS_URL").await;
    let books = books(&context);
    assert_eq!(get(&books, "/books").await.json()["total"], 0);
    for (n, state) in [Mode::Swallowing, Mode::Closed].into_iter().enumerate() {
        proxy.set(state);
        let book = json!({"title": "T", "author": "A"});
        let created = books.from_new_network().post("/books").bearer(&ada.access).json(&book).send().await;
        assert_eq!(created.status, 201, "{}", created.text());
        let list = get(&books, "/books").await;
        assert_eq!((list.status, &list.json()["total"]), (200, &json!(n + 1)));
    }
    proxy.set(Mode::Open);
    let counted = get(&books, "/books?page_size=99").await;
    assert!(counted.header("ratelimit").is_some(), "Redis is used again by the very next request");
}

#[tokio::test]
async fn a_password_that_could_not_be_checked_does_not_count_as_a_guess() {
    let context = TestContext::new().await;
    sign_up(&context, "ada").await;
    let (context, proxy) = Proxy::replacing_url(context, "DATABASE_URL").await;
    let auth = crate::support::users::auth(&context);
    proxy.set(Mode::Closed);
    for _ in 0..7 {
        assert_problem(&log_in(&auth, "ada", crate::support::users::PASSWORD).await, 503);
    }
    proxy.set(Mode::Open);
    assert_eq!(log_in(&auth, "ada", crate::support::users::PASSWORD).await.status, 200);
}

#[tokio::test]
async fn without_redis_guesses_are_counted_in_the_database() {
    let context = TestContext::new().await;
    sign_up(&context, "ada").await;
    sign_up(&context, "bob").await;
    let (context, proxy) = Proxy::replacing_url(context, "REDIS_URL").await;
    let environments = [crate::support::users::auth(&context), crate::support::users::auth(&context)]
        .map(|auth| auth.from_ip("192.0.2.1"));
    proxy.set(Mode::Closed);
    let right = crate::support::users::PASSWORD;
    assert_eq!(log_in(&environments[0], "ada", right).await.status, 200);
    for n in 0..5 {
        assert_problem(&log_in(&environments[n % 2], "ada", "wrong").await, 400);
    }
    assert_problem(&log_in(&environments[0], "ada", right).await, 400);
    assert_eq!(log_in(&environments[1], "bob", right).await.status, 200, "only this pair is locked");
    let counted = "select coalesce(max(guesses), 0) from login_guesses";
    let most: i32 = context.database().await.query_one(counted, &[]).await.unwrap().get(0);
    assert_eq!(most, 5, "what is not checked does not count");
    proxy.set(Mode::Open);
    assert_eq!(log_in(&environments[0], "ada", right).await.status, 200, "Redis counts again");
}

#[tokio::test]
async fn registration_is_unavailable_without_redis() {
    let (context, proxy) = Proxy::replacing_url(TestContext::new().await, "REDIS_URL").await;
    proxy.set(Mode::Swallowing);
    let auth = crate::support::users::auth(&context);
    assert_problem(&crate::support::users::register(&auth, "ada").await, 503);
}

#[tokio::test]
async fn a_database_that_is_read_only_or_full_is_a_503() {
    let context = TestContext::new().await;
    let ada = sign_up(&context, "ada").await;
    let database = context.database().await;
    let name: String = database.query_one("select current_database()", &[]).await.unwrap().get(0);
    let book = json!({"title": "T", "author": "A"});
    for (setting, undo) in [
        ("set default_transaction_read_only = on", "reset default_transaction_read_only"),
        ("connection limit 0", "connection limit -1"),
    ] {
        let alter = async |what: &str| {
            database.batch_execute(&format!("alter database {name} {what}")).await.unwrap();
        };
        alter(setting).await;
        let books = books(&context);
        let response = books.from_new_network().post("/books").bearer(&ada.access).json(&book).send().await;
        assert_problem(&response, 503);
        alter(undo).await;
        let response = books.from_new_network().post("/books").bearer(&ada.access).json(&book).send().await;
        assert_eq!(response.status, 201, "{setting}: {}", response.text());
    }
}
