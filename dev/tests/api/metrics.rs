//! Metrics: the built binaries print them as lines from which `CloudWatch` counts.

use serde_json::{Value, json};
use stack::environment::ExecutionEnvironment;
use testkit::{Client, TestContext};

use crate::support::responses::{assert_problem, text};
use crate::support::users::{PASSWORD, log_in, refresh, register, sign_up};

/// The metric lines in a log, each well-formed.
fn metrics(environment: &ExecutionEnvironment) -> Vec<Value> {
    let log = environment.log();
    let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).expect("a line is a JSON object"));
    let lines: Vec<_> = lines.filter(|line| line.get("_aws").is_some()).collect();
    lines.iter().for_each(assert_well_formed);
    lines
}

/// The embedded metric format of `CloudWatch`: dimensions and metrics named in `_aws` are members of the line.
fn assert_well_formed(line: &Value) {
    assert!(line["_aws"]["Timestamp"].as_u64().is_some_and(|millis| millis > 1_700_000_000_000), "{line}");
    let directives = line["_aws"]["CloudWatchMetrics"].as_array().unwrap();
    assert!(!directives.is_empty());
    for directive in directives {
        assert_eq!(directive["Namespace"], "Bookshelf");
        assert_eq!(directive["Dimensions"], json!([["stack", "function"]]));
        for dimension in ["stack", "function"] {
            assert!(line[dimension].as_str().is_some_and(|name| !name.is_empty()), "{line}");
        }
        let metrics = directive["Metrics"].as_array().unwrap();
        assert!((1..=100).contains(&metrics.len()));
        for metric in metrics {
            assert_eq!(metric["Unit"], "Count");
            assert!(line[metric["Name"].as_str().unwrap()].is_u64(), "{line}");
        }
    }
}

/// A line without `_aws`, the stack and the request id.
fn counts(line: &Value) -> Value {
    const OTHERS: [&str; 3] = ["_aws", "stack", "request_id"];
    let mut counts = line.clone();
    counts.as_object_mut().unwrap().retain(|member, _| !OTHERS.contains(&member.as_str()));
    counts
}

#[tokio::test]
async fn each_locked_guess_is_one_metric_line_and_other_requests_are_none() {
    let context = TestContext::new().await;
    let environment = ExecutionEnvironment::start("auth", context.variables()).await.unwrap();
    let auth = Client::of(environment.clone());
    let guess = async || assert_problem(&log_in(&auth, "ada", "wrong").await, 400);
    for _ in 0..5 {
        guess().await;
    }
    assert_eq!(metrics(&environment).len(), 0);
    for _ in 0..2 {
        guess().await;
    }
    let lines = metrics(&environment);
    let expected = json!({"function": "auth", "Lockouts": 1});
    assert_eq!(lines.iter().map(counts).collect::<Vec<_>>(), [expected.clone(), expected]);
    assert_ne!(lines[0]["request_id"], lines[1]["request_id"]);
}

#[tokio::test]
async fn lockouts_token_reuses_and_server_errors_are_counted_without_secrets() {
    let context = TestContext::new().await.with("REFRESH_GRACE_SECONDS", "0");
    let environment = ExecutionEnvironment::start("auth", context.variables()).await.unwrap();
    let auth = Client::of(environment.clone());
    register(&auth, "ada").await;
    let tokens = log_in(&auth, "ada", PASSWORD).await;
    assert_eq!(refresh(&auth, &text(&tokens, "refresh_token")).await.status, 200);
    assert_eq!(refresh(&auth, &text(&tokens, "refresh_token")).await.status, 400);
    let guesser = auth.from_new_network();
    for _ in 0..6 {
        assert_problem(&log_in(&guesser, "ada", "wrong").await, 400);
    }
    let lines = metrics(&environment);
    let counted: Vec<_> = lines.iter().map(counts).collect();
    assert_eq!(
        counted,
        [json!({"function": "auth", "TokenReuse": 1}), json!({"function": "auth", "Lockouts": 1})]
    );
    let unavailable = context.with("DATABASE_URL", "postgres://nobody@127.0.0.1:1/nothing");
    let environment = ExecutionEnvironment::start("auth", unavailable.variables()).await.unwrap();
    let failed = log_in(&Client::of(environment.clone()), "ada", "wrong").await;
    let problem = assert_problem(&failed, 503);
    let lines = metrics(&environment);
    assert_eq!(
        lines.iter().map(counts).collect::<Vec<_>>(),
        [json!({"function": "auth", "ServerErrors": 1})]
    );
    assert_eq!(lines[0]["request_id"], problem["request_id"]);
}

#[tokio::test]
async fn each_fallback_is_counted() {
    let context = TestContext::new().await;
    let ada = sign_up(&context, "ada").await;
    let without_redis = context.with("REDIS_URL", "redis://127.0.0.1:1/");
    let book = json!({"title": "T", "author": "A"});
    let environment = ExecutionEnvironment::start("books", without_redis.variables()).await.unwrap();
    let books = Client::of(environment.clone());
    assert_eq!(books.get("/books").send().await.status, 200);
    // The table of the records does not exist.
    let create = books.post("/books").bearer(&ada.access).header("idempotency-key", "k");
    assert_eq!(create.json(&book).send().await.status, 201);
    assert_eq!(
        metrics(&environment).iter().map(counts).collect::<Vec<_>>(),
        [
            json!({"function": "books", "UncountedRequests": 1, "UncachedLists": 1}),
            json!({"function": "books", "UncountedRequests": 1, "FailedInvalidations": 1, "UnrecordedWrites": 1}),
        ]
    );
    let environment = ExecutionEnvironment::start("auth", without_redis.variables()).await.unwrap();
    assert_eq!(log_in(&Client::of(environment.clone()), "ada", PASSWORD).await.status, 200);
    assert_eq!(
        metrics(&environment).iter().map(counts).collect::<Vec<_>>(),
        [json!({"function": "auth", "UncountedRequests": 1, "FallbackGuesses": 1})]
    );
}

#[tokio::test]
async fn every_log_line_of_a_request_has_its_id_and_cold_start_at_every_level() {
    let context = TestContext::new().await;
    for (level, target) in [("error", "security"), ("info", "shared::lambda::middleware")] {
        let context = TestContext::new().await.with("LOG_LEVEL", level);
        let environment = ExecutionEnvironment::start("auth", context.variables()).await.unwrap();
        for name in ["ada", "bob"] {
            assert_eq!(register(&Client::of(environment.clone()), name).await.status, 201);
        }
        let log = environment.log();
        let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(lines.iter().any(|line| line["target"] == target), "{log}");
        for line in &lines {
            assert!(line["span"]["request_id"].as_str().is_some_and(|id| id.len() == 36), "{line}");
        }
        let starts: Vec<_> = lines.iter().filter(|line| line["target"] == target).collect();
        let starts = starts.iter().map(|line| line["span"].get("cold_start").cloned());
        assert_eq!(starts.collect::<Vec<_>>(), [Some(json!(true)), None], "{log}");
    }
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
