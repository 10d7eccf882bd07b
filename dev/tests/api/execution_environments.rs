//! Functions as processes: the built binaries get their events from a runtime API, as on Lambda.

use serde_json::json;
use stack::environment::ExecutionEnvironment;
use testkit::users::sign_up;
use testkit::{Client, TestContext};

use crate::support::clients::probe;
use crate::support::migrations::{lock_migrations, migrate, until_migrations_wait};
use crate::support::responses::{assert_problem, without_request_id};

#[tokio::test]
async fn a_function_responds_the_same_as_a_process_and_in_process() {
    let context = TestContext::new().await;
    let ada = sign_up(&context, "ada").await;
    let environment = ExecutionEnvironment::start("probe", context.variables()).await.unwrap();
    let (in_process, process) = (probe(&context), Client::of(environment.clone()));
    let create = async |client: &Client| {
        let note = json!({"text": "T"});
        client.post("/probe/notes").bearer(&ada.access).json(&note).send().await
    };
    let (one, other) = (create(&in_process).await, create(&process).await);
    assert_eq!((one.status, other.status), (201, 201), "{}", other.text());
    let id = other.json()["id"].as_i64().unwrap();
    assert_eq!(id, one.json()["id"].as_i64().unwrap() + 1, "both use one database");
    for target in ["/probe/notes", "/probe/notes/1", "/probe/notes/x", "/nothing", "/probe/notes?page=0"] {
        let (one, other) = (in_process.get(target).send().await, process.get(target).send().await);
        assert_eq!(without_request_id(&one), without_request_id(&other), "{target}");
    }
    assert!(environment.is_alive());
}

#[tokio::test]
async fn a_killed_process_fails_its_event_and_another_process_is_unaffected() {
    let context = TestContext::new().await;
    let first = ExecutionEnvironment::start("probe", context.variables()).await.unwrap();
    let second = ExecutionEnvironment::start("probe", context.variables()).await.unwrap();
    assert_eq!(Client::of(first.clone()).get("/probe/notes").send().await.status, 200);
    first.freeze();
    let event = testkit::gateway_events::http_api_event("GET", "/probe/notes", "").to_string();
    let (response, _) = tokio::join!(first.invoke(&event), first.kill());
    assert_eq!(response.unwrap_err().error_type, "Runtime.ExitError");
    assert!(!first.is_alive() && first.invoke(&event).await.is_err());
    assert_problem(&Client::of(second.clone()).get("/probe/notes/1").send().await, 404);
}

#[tokio::test]
async fn a_process_handles_as_many_concurrent_events_as_configured() {
    let context = TestContext::new().await.with("AWS_LAMBDA_MAX_CONCURRENCY", "4");
    let maintenance = ExecutionEnvironment::start("maintenance", context.variables()).await.unwrap();
    let lock = lock_migrations(&context).await;
    let migrations: Vec<_> = (0..4).map(|_| tokio::spawn(migrate(maintenance.clone()))).collect();
    // All four are in flight now, since none can complete.
    until_migrations_wait(&lock, 4).await;
    drop(lock);
    for migration in migrations {
        assert_eq!(migration.await.unwrap(), Ok(json!({"task": "migrate", "applied": [], "pending": []})));
    }
}
