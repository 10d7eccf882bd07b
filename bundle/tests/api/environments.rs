//! Functions as processes: the real binaries behind the runtime API.

use serde_json::json;
use shared::testing::{Client, Invoke as _, Stage};
use xtask::environment::Environment;

use crate::people::{assert_problem, books, sign_up, without_request_id};

#[tokio::test]
async fn a_function_answers_as_a_process_what_it_answers_in_process() {
    let stage = Stage::new().await;
    let ada = sign_up(&stage, "ada").await;
    let environment = Environment::start("books", stage.variables()).await.unwrap();
    let (inside, outside) = (books(&stage), environment.client());
    let create = async |client: &Client| {
        let book = json!({"title": "T", "author": "A"});
        client.post("/books").bearer(&ada.access).json(&book).send().await
    };
    let (one, other) = (create(&inside).await, create(&outside).await);
    assert_eq!((one.status, other.status), (201, 201), "{}", other.text());
    let id = other.json()["id"].as_i64().unwrap();
    assert_eq!(id, one.json()["id"].as_i64().unwrap() + 1, "on one database");
    for target in ["/books", "/books/1", "/books/x", "/nothing", "/books?page=0"] {
        let (one, other) = (inside.get(target).send().await, outside.get(target).send().await);
        assert_eq!(without_request_id(&one), without_request_id(&other), "{target}");
    }
    assert!(environment.is_alive());
}

#[tokio::test]
async fn a_killed_process_fails_what_it_was_asked_and_another_one_goes_on() {
    let stage = Stage::new().await;
    let first = Environment::start("books", stage.variables()).await.unwrap();
    let second = Environment::start("books", stage.variables()).await.unwrap();
    assert_eq!(first.client().get("/books").send().await.status, 200);
    first.freeze();
    let event = crate::events::v2("GET", "/books", "").to_string();
    let (answer, _) = tokio::join!(first.invoke(&event), first.kill());
    assert_eq!(answer.unwrap_err().error_type, "Runtime.ExitError");
    assert!(!first.is_alive() && first.invoke(&event).await.is_err());
    assert_problem(&second.client().get("/books/1").send().await, 404);
}

#[tokio::test]
async fn a_process_takes_as_many_events_at_once_as_it_is_told() {
    let stage = Stage::new().await.with("AWS_LAMBDA_MAX_CONCURRENCY", "4");
    let books = Environment::start("books", stage.variables()).await.unwrap().client();
    // Nobody can write while the table is locked, so all four are in flight until it is not.
    let ada = sign_up(&stage, "ada").await;
    let mut database = stage.database().await;
    let lock = database.transaction().await.unwrap();
    lock.batch_execute("lock table books in exclusive mode").await.unwrap();
    let writes = (0..4).map(|n| {
        let (books, token) = (books.clone(), ada.access.clone());
        let book = json!({"title": format!("{n}"), "author": "A"});
        tokio::spawn(async move { books.post("/books").bearer(&token).json(&book).send().await.status })
    });
    let writes: Vec<_> = writes.collect();
    let waiting = "select count(*) from pg_locks where not granted and relation = 'books'::regclass";
    while lock.query_one(waiting, &[]).await.unwrap().get::<_, i64>(0) < 4 {}
    lock.commit().await.unwrap();
    for write in writes {
        assert_eq!(write.await.unwrap(), 201);
    }
}
