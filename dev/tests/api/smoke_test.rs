//! Smoke tests of new versions: which ones `CodeDeploy` is told are fit for traffic.

mod scripted;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use smoke_test::{App, Report, Status};
use stack::environment::ExecutionEnvironment;
use testkit::{Failure, Invoke, TestContext, functions, invocation_event};

use crate::support::fake_aws::{FakeAws, arn};
use crate::support::moto::Moto;
use scripted::{Always, Never, Waking, problem, response};

/// The digest of the secret `new`, by `sha256sum`.
const DIGEST: &str = "11507a0e2f5e69d5dfa40a62a1bd7b6ee57e6bcd85c67c9b8431b36fff21c437";

/// What each function is asked, and the status that it answers.
const EXPECTED: &[(&str, &str, &str, u16)] = &[
    ("books", "GET", "/books", 200),
    ("auth", "GET", "/.well-known/jwks.json", 200),
    ("auth", "POST", "/auth/login", 400),
    ("system", "GET", "/health/ready", 200),
];

/// A function of this name.
type Version = (&'static str, Arc<dyn Invoke>);

/// The event as `CodeDeploy` sends it.
fn hook(execution_id: &str) -> Value {
    json!({"DeploymentId": "d-EXAMPLE11", "LifecycleEventHookExecutionId": execution_id})
}

/// A function in this process, on the stores of `context`.
fn function(name: &'static str, context: &TestContext) -> Version {
    (name, functions::find(name).unwrap().start(&context.env_of(name)).unwrap())
}

/// Every function that is asked anything, in this process, on the stores of `context`.
fn every_function(context: &TestContext) -> Vec<Version> {
    let names: BTreeSet<_> = EXPECTED.iter().map(|(name, ..)| *name).collect();
    names.into_iter().map(|name| function(name, context)).collect()
}

/// A version that gives the same answer to every event.
fn always(name: &'static str, answer: Value) -> Version {
    (name, Arc::new(Always(Ok(answer))))
}

/// Runs the smoke test in this process, with this time left of the function's own.
async fn run(context: &TestContext, time: Duration) -> Result<Report, smoke_test::Error> {
    run_as("run", context, time).await
}

/// The same as the run `execution_id`.
async fn run_as(
    execution_id: &str,
    context: &TestContext,
    time: Duration,
) -> Result<Report, smoke_test::Error> {
    let mut event = invocation_event(&hook(execution_id).to_string()).unwrap();
    let deadline = (SystemTime::now() + time).duration_since(UNIX_EPOCH).unwrap();
    event.context.deadline = deadline.as_millis().try_into().unwrap();
    App::from_env(&context.env_of("smoke-test")).unwrap().handle(event).await
}

/// What the smoke test reports of these functions when it repeats no check.
async fn report_of(context: TestContext, versions: Vec<Version>) -> (Report, FakeAws) {
    let aws = FakeAws::start(versions, &[]).await;
    let context = aws.used_by(context).with("RETRY_SECONDS", "0");
    let report = run(&context, Duration::from_mins(3)).await.unwrap();
    assert_eq!(aws.results(), [told(&format!("{:?}", report.status))]);
    (report, aws)
}

/// What `CodeDeploy` is told of the run called `run`.
fn told(status: &str) -> Value {
    json!({"deploymentId": "d-EXAMPLE11", "lifecycleEventHookExecutionId": "run", "status": status})
}

fn failed(reason: &str) -> Report {
    Report { status: Status::Failed, failures: vec![reason.to_owned()] }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn versions_that_serve_requests_succeed_and_the_log_names_every_check() {
    let context = TestContext::new().await;
    let aws = FakeAws::start(every_function(&context), &[]).await;
    let context = aws.used_by(context);
    let process = ExecutionEnvironment::start("smoke-test", context.variables()).await.unwrap();
    let report = process.invoke(&hook("run").to_string()).await.unwrap();
    assert_eq!(report, json!({"status": "Succeeded", "failures": []}), "{}", process.log());
    assert_eq!(aws.results(), [told("Succeeded")]);

    let invoked = aws.invocations();
    assert_eq!(invoked.len(), EXPECTED.len());
    for (version, event) in &invoked {
        let http = &event["requestContext"]["http"];
        let asked = EXPECTED
            .iter()
            .find(|(_, method, path, _)| http["method"] == *method && event["rawPath"] == *path);
        assert_eq!(*version, arn(asked.unwrap().0));
        assert!(http["sourceIp"].as_str().unwrap().starts_with("2001:db8:"), "nobody's address: {event}");
    }
    let log = process.log();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for (function, method, path, status) in EXPECTED {
        let is_of = |line: &&Value| line["function"] == *function && line["path"] == *path;
        let line = lines.iter().find(is_of).unwrap();
        assert_eq!((&line["method"], &line["status"]), (&json!(method), &json!(status)));
        assert!(line["duration_ms"].is_u64() && line["span"]["request_id"].is_string(), "{line}");
    }
}

#[tokio::test]
async fn a_version_without_one_of_its_stores_fails_for_the_reason_that_its_responses_show() {
    let redis = ("REDIS_URL", "redis://127.0.0.1:1");
    let postgres = ("DATABASE_URL", "postgres://nobody@127.0.0.1:1/nothing");
    for (name, (store, nowhere), check, status) in [
        // Lists, keys and sign-ins are served without Redis, but not counted.
        ("books", redis, "GET /books", None),
        ("auth", redis, "GET /.well-known/jwks.json", None),
        ("system", redis, "GET /health/ready", Some(503)),
        ("books", postgres, "GET /books", Some(503)),
        ("auth", postgres, "POST /auth/login", Some(503)),
        ("system", postgres, "GET /health/ready", Some(503)),
    ] {
        let context = TestContext::new().await;
        let version = function(name, &context.clone().with(store, nowhere));
        let (report, _) = report_of(context, vec![version]).await;
        let reason = match status {
            Some(status) => format!("the status is {status}"),
            None => "the request was not counted, since Redis did not answer".to_owned(),
        };
        assert_eq!(report, failed(&format!("{name}: {check}: {reason}")), "{store}");
    }
}

#[tokio::test]
async fn a_store_that_wakes_meanwhile_is_waited_for() {
    let context = TestContext::new().await;
    let (_, system) = function("system", &context);
    let aws = FakeAws::start(vec![("system", Arc::new(Waking::new(system)))], &[]).await;
    let report = run(&aws.used_by(context), Duration::from_mins(3)).await.unwrap();
    assert_eq!(report, Report { status: Status::Succeeded, failures: vec![] });
    assert_eq!((aws.invocations().len(), aws.results()), (2, vec![told("Succeeded")]));
}

#[tokio::test]
async fn a_store_that_never_wakes_fails_the_version_when_the_time_to_retry_is_over() {
    let aws = FakeAws::start(vec![always("system", problem(503))], &[]).await;
    let context = aws.used_by(TestContext::new().await).with("RETRY_SECONDS", "3");
    let report = run(&context, Duration::from_mins(3)).await.unwrap();
    assert_eq!(report, failed("system: GET /health/ready: the status is 503"));
    assert_eq!((aws.invocations().len(), aws.results()), (2, vec![told("Failed")]));
}

#[tokio::test]
async fn anything_else_wrong_fails_the_version_at_the_first_attempt() {
    let fault = Failure { error_type: "Runtime.ExitError".into(), error_message: "it ended".into() };
    let wrong_form = "the body has not the right form";
    for (answer, reason) in [
        (Err(fault), "the function failed: Runtime.ExitError: it ended"),
        (Ok(json!("no response")), "the function returned no HTTP response"),
        (Ok(problem(500)), "the status is 500 and not 200"),
        (Ok(problem(403)), "the status is 403 and not 200"),
        (Ok(problem(429)), "the status is 429 and not 200"),
        (Ok(response(200, "text/html", &json!("<h1>"))), wrong_form),
    ] {
        let aws = FakeAws::start(vec![("system", Arc::new(Always(answer)) as Arc<dyn Invoke>)], &[]).await;
        let context = aws.used_by(TestContext::new().await);
        let report = run(&context, Duration::from_mins(3)).await.unwrap();
        assert_eq!(report, failed(&format!("system: GET /health/ready: {reason}")));
        assert_eq!((aws.invocations().len(), aws.results()), (1, vec![told("Failed")]));
    }
    for (name, path, body) in [
        ("books", "/books", json!({"items": []})),
        ("auth", "/.well-known/jwks.json", json!({"keys": []})),
        ("system", "/health/ready", json!({"postgres": "ok"})),
    ] {
        let answer = response(200, "application/json", &body);
        let (report, _) = report_of(TestContext::new().await, vec![always(name, answer)]).await;
        assert_eq!(report, failed(&format!("{name}: GET {path}: {wrong_form}")));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_wrong_version_fails_the_deployment_and_the_log_says_why() {
    let context = TestContext::new().await;
    let mut versions = every_function(&context);
    versions.retain(|(name, _)| *name != "system");
    versions.push(always("system", problem(500)));
    let aws = FakeAws::start(versions, &[]).await;
    let process = ExecutionEnvironment::start("smoke-test", aws.used_by(context).variables()).await.unwrap();
    let report = process.invoke(&hook("run").to_string()).await.unwrap();
    let reason = "GET /health/ready: the status is 500 and not 200";
    assert_eq!(report, json!({"status": "Failed", "failures": [format!("system: {reason}")]}));
    assert_eq!((aws.invocations().len(), aws.results()), (EXPECTED.len(), vec![told("Failed")]));
    let log = process.log();
    let mut lines = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let line = lines.find(|line| line["level"] == "ERROR").unwrap();
    assert_eq!((&line["function"], &line["reason"]), (&json!("system"), &json!(reason)));
}

#[tokio::test]
async fn a_version_that_does_not_exist_and_no_version_at_all_fail_the_deployment() {
    let (report, _) = report_of(TestContext::new().await, vec![]).await;
    assert_eq!(report, failed("no variable names a version"));
    let context = TestContext::new().await.with("SYSTEM_VERSION", &arn("system"));
    let (report, _) = report_of(context, vec![]).await;
    assert_eq!(report, failed("system: GET /health/ready: Lambda answered ResourceNotFoundException"));
}

#[tokio::test]
async fn a_version_that_never_answers_is_reported_before_the_time_of_the_function_is_over() {
    let context = TestContext::new().await;
    let versions = vec![("system", Arc::new(Never) as Arc<dyn Invoke>)];
    let aws = FakeAws::start(versions, &[]).await;
    let report = run(&aws.used_by(context), Duration::from_secs(23)).await.unwrap();
    assert_eq!(report, failed("system: it did not answer in time"));
    assert_eq!(aws.results(), [told("Failed")]);
}

#[tokio::test]
async fn functions_behind_a_cdn_are_asked_with_its_secret_as_their_stores_are() {
    let moto = Moto::start().await;
    let arn = moto.create("origin", Some("new")).await;
    let closed = TestContext::new().await.with("ORIGIN_SECRET_DIGESTS", DIGEST);
    let with = |context: TestContext, arn: &str| {
        context.with("ORIGIN_SECRET_ARN", arn).with("AWS_ENDPOINT_URL_SECRETS_MANAGER", moto.direct_url())
    };
    let (report, aws) = report_of(with(closed.clone(), &arn), every_function(&closed)).await;
    assert_eq!((report.status, report.failures), (Status::Succeeded, vec![]));
    let viewer = |event: &Value| event["headers"]["x-viewer-address"].to_string();
    assert!(aws.invocations().iter().all(|(_, event)| viewer(event).contains("2001:db8:")));

    let (report, _) = report_of(closed.clone(), vec![function("system", &closed)]).await;
    assert_eq!(report, failed("system: GET /health/ready: the status is 403 and not 200"));
    let (report, aws) = report_of(with(closed.clone(), "none"), every_function(&closed)).await;
    assert!(report.failures[0].contains("ResourceNotFoundException"), "{:?}", report.failures);
    assert_eq!(aws.results(), [told("Failed")]);
}

/// Each deployment runs the hook once for each of its functions, and a day may have many deployments.
#[tokio::test]
async fn repeated_runs_use_up_no_quota_and_lock_nobody() {
    let context = TestContext::new().await.with_every_quota("1/60");
    let aws = FakeAws::start(every_function(&context), &[]).await;
    let context = aws.used_by(context);
    for run in 0..8 {
        let report = run_as(&format!("run {run}"), &context, Duration::from_mins(3)).await.unwrap();
        assert_eq!(report.failures, [""; 0]);
    }
    let networks: BTreeSet<_> = aws
        .invocations()
        .iter()
        .map(|(_, event)| event["requestContext"]["http"]["sourceIp"].to_string())
        .collect();
    assert_eq!(networks.len(), every_function(&context).len() * 8, "one for each version and run");
}

#[tokio::test]
async fn codedeploy_is_told_again_after_a_server_error_and_a_refusal_fails_the_event() {
    let context = TestContext::new().await;
    let aws = FakeAws::start(vec![function("system", &context)], &[500, 503]).await;
    run(&aws.used_by(context.clone()), Duration::from_mins(3)).await.unwrap();
    assert_eq!(aws.results(), vec![told("Succeeded"); 3]);
    let aws = FakeAws::start(vec![function("system", &context)], &[400]).await;
    let refused = run(&aws.used_by(context), Duration::from_mins(3)).await.unwrap_err();
    assert_eq!(refused.to_string(), "CodeDeploy: DeploymentDoesNotExistException");
    assert_eq!(aws.results(), [told("Succeeded")], "a refusal is final");
}

#[tokio::test]
async fn unusable_settings_end_the_start_with_the_name_of_the_variable() {
    let context = TestContext::new().await;
    for (name, value) in [
        ("SYSTEM_VERSION", "arn:aws:lambda:eu-central-1:123456789012:function:bookshelf-system:live"),
        ("RETRY_SECONDS", "121"),
        ("RETRY_SECONDS", "-1"),
        ("AWS_REGION", ""),
    ] {
        let error = App::from_env(&context.clone().with(name, value).env()).err().unwrap().to_string();
        assert!(error.starts_with(name) && (value.is_empty() || !error.contains(value)), "{error}");
    }
}
