//! Functions as processes: the real binaries behind the runtime API.

use serde_json::{Value, json};
use stack::environment::ExecutionEnvironment;
use testkit::{Client, Failure, TestContext};

use crate::users::{assert_problem, books, sign_up, without_request_id};

#[tokio::test]
async fn a_function_answers_as_a_process_what_it_answers_in_process() {
    let context = TestContext::new().await;
    let ada = sign_up(&context, "ada").await;
    let environment = ExecutionEnvironment::start("books", context.variables()).await.unwrap();
    let (inside, outside) = (books(&context), Client::of(environment.clone()));
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
    let context = TestContext::new().await;
    let first = ExecutionEnvironment::start("books", context.variables()).await.unwrap();
    let second = ExecutionEnvironment::start("books", context.variables()).await.unwrap();
    assert_eq!(Client::of(first.clone()).get("/books").send().await.status, 200);
    first.freeze();
    let event = crate::events::v2("GET", "/books", "").to_string();
    let (answer, _) = tokio::join!(first.invoke(&event), first.kill());
    assert_eq!(answer.unwrap_err().error_type, "Runtime.ExitError");
    assert!(!first.is_alive() && first.invoke(&event).await.is_err());
    assert_problem(&Client::of(second.clone()).get("/books/1").send().await, 404);
}

#[tokio::test]
async fn a_process_takes_as_many_events_at_once_as_it_is_told() {
    let context = TestContext::new().await.with("AWS_LAMBDA_MAX_CONCURRENCY", "4");
    let maintenance = ExecutionEnvironment::start("maintenance", context.variables()).await.unwrap();
    let lock = hold_migrations(&context).await;
    let migrations: Vec<_> = (0..4).map(|_| tokio::spawn(migrate(maintenance.clone()))).collect();
    // All four are in flight now, since none is answered.
    until_migrations_wait(&lock, 4).await;
    drop(lock);
    for migration in migrations {
        assert_eq!(migration.await.unwrap(), Ok(json!({"task": "migrate", "applied": [], "pending": []})));
    }
}

/// A connection that has the lock for which migrations wait as long as it takes, until it is dropped.
pub(crate) async fn hold_migrations(context: &TestContext) -> tokio_postgres::Client {
    let database = context.database().await;
    database.execute("select pg_advisory_lock($1)", &[&0x626f_6f6b_7368_656c_i64]).await.unwrap();
    database
}

/// Returns when `count` migrations wait.
pub(crate) async fn until_migrations_wait(database: &tokio_postgres::Client, count: i64) {
    let sql = "select count(*) from pg_locks where locktype = 'advisory' and not granted
        and database = (select oid from pg_database where datname = current_database())";
    while database.query_one(sql, &[]).await.unwrap().get::<_, i64>(0) < count {}
}

/// Asks for a migration.
pub(crate) async fn migrate(maintenance: ExecutionEnvironment) -> Result<Value, Failure> {
    maintenance.invoke(r#"{"task":"migrate"}"#).await
}
