//! Stores that are away, frozen, or behind a path that was dropped without a word.

use std::time::Duration;

use serde_json::json;
use shared::testing::{Answer, Client, Stage};
use tokio::time::timeout;

use crate::door::{CLOSED, OPEN, SILENT, with_door};
use crate::people::{assert_problem, books, log_in, sign_up};

/// Sends the request; an answer that never comes fails the test instead of hanging it.
async fn ask(client: &Client, path: &str) -> Answer {
    let client = client.elsewhere();
    timeout(Duration::from_secs(10), client.get(path).send()).await.expect("an answer, whatever it is")
}

#[tokio::test]
async fn a_database_that_falls_silent_is_a_503_and_the_next_request_after_it_is_right() {
    let (stage, door) = with_door(Stage::new().await, "DATABASE_URL").await;
    let books = books(&stage);
    assert_problem(&ask(&books, "/books/1").await, 404);
    for state in [SILENT, CLOSED] {
        door.set(state);
        assert_problem(&ask(&books, "/books/1").await, 503);
        assert_problem(&ask(&books, "/books/1").await, 503);
        door.set(OPEN);
        assert_problem(&ask(&books, "/books/1").await, 404);
    }
}

#[tokio::test]
async fn a_token_is_never_refused_because_the_database_is_away() {
    let stage = Stage::new().await;
    let ada = sign_up(&stage, "ada").await;
    let (stage, door) = with_door(stage, "DATABASE_URL").await;
    let books = books(&stage);
    let post = async || {
        let book = json!({"title": "T", "author": "A"});
        timeout(
            Duration::from_secs(10),
            books.elsewhere().post("/books").bearer(&ada.access).json(&book).send(),
        )
        .await
    };
    door.set(SILENT);
    assert_problem(&post().await.unwrap(), 503);
    door.set(OPEN);
    assert_eq!(post().await.unwrap().status, 201);
}

#[tokio::test]
async fn a_connection_that_the_server_closed_meanwhile_is_replaced_unseen() {
    let stage = Stage::new().await;
    let books = books(&stage);
    for _ in 0..3 {
        assert_problem(&ask(&books, "/books/1").await, 404);
        let sql = "select pg_terminate_backend(pid) from pg_stat_activity
            where datname = current_database() and usename = current_user and pid <> pg_backend_pid()";
        stage.database().await.execute(sql, &[]).await.unwrap();
    }
    assert_problem(&ask(&books, "/books/1").await, 404);
}

#[tokio::test]
async fn without_redis_lists_come_from_the_database_and_writes_succeed() {
    let stage = Stage::new().await;
    let ada = sign_up(&stage, "ada").await;
    let (stage, door) = with_door(stage, "REDIS_URL").await;
    let books = books(&stage);
    assert_eq!(ask(&books, "/books").await.json()["total"], 0);
    for (n, state) in [SILENT, CLOSED].into_iter().enumerate() {
        door.set(state);
        let book = json!({"title": "T", "author": "A"});
        let created = books.elsewhere().post("/books").bearer(&ada.access).json(&book).send().await;
        assert_eq!(created.status, 201, "{}", created.text());
        let list = ask(&books, "/books").await;
        assert_eq!((list.status, &list.json()["total"]), (200, &json!(n + 1)));
    }
    door.set(OPEN);
    let counted = ask(&books, "/books?page_size=99").await;
    assert!(counted.header("ratelimit").is_some(), "Redis is used again by the very next request");
}

#[tokio::test]
async fn a_password_that_could_not_be_checked_is_no_guess() {
    let stage = Stage::new().await;
    sign_up(&stage, "ada").await;
    let (stage, door) = with_door(stage, "DATABASE_URL").await;
    let auth = crate::people::auth(&stage);
    door.set(CLOSED);
    for _ in 0..7 {
        assert_problem(&log_in(&auth, "ada", crate::people::PASSWORD).await, 503);
    }
    door.set(OPEN);
    assert_eq!(log_in(&auth, "ada", crate::people::PASSWORD).await.status, 200);
}

#[tokio::test]
async fn without_redis_guesses_are_counted_in_the_database() {
    let stage = Stage::new().await;
    sign_up(&stage, "ada").await;
    sign_up(&stage, "bob").await;
    let (stage, door) = with_door(stage, "REDIS_URL").await;
    let environments =
        [crate::people::auth(&stage), crate::people::auth(&stage)].map(|auth| auth.from_ip("192.0.2.1"));
    door.set(CLOSED);
    let right = crate::people::PASSWORD;
    assert_eq!(log_in(&environments[0], "ada", right).await.status, 200);
    for n in 0..5 {
        assert_problem(&log_in(&environments[n % 2], "ada", "wrong").await, 400);
    }
    assert_problem(&log_in(&environments[0], "ada", right).await, 400);
    assert_eq!(log_in(&environments[1], "bob", right).await.status, 200, "only this pair is locked");
    let counted = "select coalesce(max(guesses), 0) from login_guesses";
    let most: i32 = stage.database().await.query_one(counted, &[]).await.unwrap().get(0);
    assert_eq!(most, 5, "what is not checked does not count");
    door.set(OPEN);
    assert_eq!(log_in(&environments[0], "ada", right).await.status, 200, "Redis counts again");
}

#[tokio::test]
async fn without_redis_nobody_registers() {
    let (stage, door) = with_door(Stage::new().await, "REDIS_URL").await;
    door.set(SILENT);
    let auth = crate::people::auth(&stage);
    assert_problem(&crate::people::register(&auth, "ada").await, 503);
}

#[tokio::test]
async fn a_database_that_is_read_only_or_full_is_a_503() {
    let stage = Stage::new().await;
    let ada = sign_up(&stage, "ada").await;
    let database = stage.database().await;
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
        let books = books(&stage);
        let answer = books.elsewhere().post("/books").bearer(&ada.access).json(&book).send().await;
        assert_problem(&answer, 503);
        alter(undo).await;
        let answer = books.elsewhere().post("/books").bearer(&ada.access).json(&book).send().await;
        assert_eq!(answer.status, 201, "{setting}: {}", answer.text());
    }
}
