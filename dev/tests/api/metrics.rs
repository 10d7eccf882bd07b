//! Metrics: the built binaries print them as lines from which `CloudWatch` counts.

use serde_json::{Value, json};
use stack::environment::ExecutionEnvironment;
use testkit::users::sign_up;
use testkit::{Client, TestContext};

use crate::support::process_log::{assert_two_requests_are_told_apart, counts, metrics};

#[tokio::test]
async fn each_fallback_is_counted() {
    let context = TestContext::new().await;
    let ada = sign_up(&context, "ada").await;
    let without_redis = context.with("REDIS_URL", "redis://127.0.0.1:1/");
    let note = json!({"text": "T"});
    let environment = ExecutionEnvironment::start("probe", without_redis.variables()).await.unwrap();
    let probe = Client::of(environment.clone());
    assert_eq!(probe.get("/probe/notes").send().await.status, 200);
    // The table of the records does not exist.
    let create = probe.post("/probe/notes").bearer(&ada.access).header("idempotency-key", "k");
    assert_eq!(create.json(&note).send().await.status, 201);
    assert_eq!(
        metrics(&environment).iter().map(counts).collect::<Vec<_>>(),
        [
            json!({"function": "probe", "UncountedRequests": 1, "UncachedLists": 1}),
            json!({"function": "probe", "UncountedRequests": 1, "FailedInvalidations": 1, "UnrecordedWrites": 1}),
        ]
    );
}

#[tokio::test]
async fn every_log_line_of_a_request_has_its_id_and_the_first_one_says_cold_start() {
    let context = TestContext::new().await;
    let environment = ExecutionEnvironment::start("probe", context.variables()).await.unwrap();
    for _ in 0..2 {
        assert_eq!(Client::of(environment.clone()).get("/probe/ping").send().await.status, 200);
    }
    assert_two_requests_are_told_apart(&environment, "shared::lambda::middleware");
    let event = r#"{"task":"set_role","username":"nobody","role":"admin"}"#;
    let maintenance = ExecutionEnvironment::start("maintenance", context.variables()).await.unwrap();
    testkit::Invoke::invoke(&maintenance, event).await.unwrap_err();
    let log = maintenance.log();
    let line: Value =
        serde_json::from_str(log.lines().find(|line| line.contains("a task failed")).unwrap()).unwrap();
    assert_eq!((line["span"]["cold_start"].as_bool(), line["level"].as_str()), (Some(true), Some("ERROR")));
}

#[tokio::test]
async fn every_log_line_of_a_request_has_the_id_of_its_trace() {
    const ROOT: &str = "1-5759e988-bd862e3fe1be46a994272793";
    let context = TestContext::new().await.with("REDIS_URL", "redis://127.0.0.1:1/");
    let environment = ExecutionEnvironment::start("system", context.variables()).await.unwrap();
    let system = Client::of(environment.clone());
    for (header, expected) in [
        (format!("Root={ROOT};Parent=53995c3f42cd8ad8;Sampled=1"), Some(ROOT)),
        (format!("Self=1-67891234-12456789abcdef012345678;Root={ROOT}"), Some(ROOT)),
        (String::new(), None),
        ("Parent=53995c3f42cd8ad8;Sampled=1".to_owned(), None),
        ("Root=1-5759e988-bd862e3fe1be46a99427279\"".to_owned(), None),
        (format!("Root={ROOT}0"), None),
    ] {
        let known = environment.log().lines().count();
        assert_eq!(system.get("/openapi.json").header("x-amzn-trace-id", &header).send().await.status, 200);
        let log = environment.log();
        let lines: Vec<Value> =
            log.lines().skip(known).map(|line| serde_json::from_str(line).unwrap()).collect();
        // Attempts to connect belong to no request.
        let lines: Vec<_> = lines.iter().filter(|line| line.get("span").is_some()).collect();
        // Beside "answered", that the request was not counted.
        assert!(lines.len() >= 2, "{log}");
        for line in lines {
            assert_eq!(line["span"]["trace_id"].as_str(), expected, "{header}: {line}");
        }
    }
}
