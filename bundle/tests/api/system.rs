//! Health.

use serde_json::json;
use shared::testing::{Client, Stage};

use crate::people::assert_problem;

#[tokio::test]
async fn health_touches_nothing() {
    let stage = Stage::new()
        .await
        .with("DATABASE_URL", "postgres://u:p@127.0.0.1:1/x")
        .with("REDIS_URL", "redis://127.0.0.1:1/");
    let system = Client::start::<system::App>(&stage.env()).unwrap();
    let answer = system.get("/health").send().await;
    assert_eq!((answer.status, answer.json()), (200, json!({"status": "ok"})));
    assert_problem(&system.get("/health/ready").send().await, 503);
}

#[tokio::test]
async fn readiness_says_that_the_stores_answer() {
    let stage = Stage::new().await;
    let system = Client::start::<system::App>(&stage.env()).unwrap();
    let answer = system.get("/health/ready").send().await;
    assert_eq!((answer.status, answer.json()), (200, json!({"postgres": "ok", "redis": "ok"})));
}

#[tokio::test]
async fn the_api_describes_itself() {
    let stage = Stage::new().await;
    let system = Client::start::<system::App>(&stage.env()).unwrap();
    let answer = system.get("/openapi.json").send().await;
    assert_eq!(answer.json()["info"]["title"], "Bookshelf");
}
