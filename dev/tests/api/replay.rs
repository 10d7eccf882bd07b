//! The recorded events in `events/` are complete, and get the expected responses from functions in process, from the
//! built binaries, and from the binaries under the Runtime Interface Emulator.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;
use testkit::TestContext;
use testkit::functions::describe_all;
use testkit::replay::{Case, Outcome, Transport, cases, replay_all};

use crate::support::not_run::not_run;

/// Cases for the emulator, which is slower: for every function one that succeeds and one that fails. `smoke-test`
/// succeeds nowhere but on AWS.
const UNDER_THE_EMULATOR: [&str; 16] = [
    "auth/log_in",
    "auth/log_in_with_a_wrong_password",
    "auth/show_me_rest",
    "bf-demo/try_password",
    "bf-demo/try_password_while_locked",
    "books/create_book",
    "books/create_book_with_broken_base64",
    "books/delete_book",
    "books/event_of_another_service",
    "maintenance/purge",
    "maintenance/task_that_is_none",
    "rl-demo/ping",
    "rl-demo/ping_too_often",
    "smoke-test/event_without_a_deployment",
    "system/describe_api",
    "system/unknown_path",
];

fn assert_as_expected(outcomes: Vec<(Case, Outcome)>) {
    let wrong: Vec<_> = outcomes.into_iter().filter(|(_, outcome)| !outcome.is_as_expected()).collect();
    let differences =
        wrong.iter().map(|(case, outcome)| format!("{}: {:#?}", case.name(), outcome.differences));
    let differences: Vec<_> = differences.collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_recorded_event_gets_the_expected_response_in_process_and_from_the_built_binary() {
    assert_as_expected(
        replay_all(cases().unwrap(), &[Transport::InProcess, Transport::Process], None).await.unwrap(),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn built_binaries_respond_as_expected_under_the_runtime_interface_emulator() {
    if !cfg!(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))) {
        let test = "built_binaries_respond_as_expected_under_the_runtime_interface_emulator";
        not_run(test, "there is no Runtime Interface Emulator for this machine");
        return;
    }
    let chosen = cases().unwrap().into_iter().filter(|case| UNDER_THE_EMULATOR.contains(&&*case.name()));
    let chosen: Vec<_> = chosen.collect();
    assert_eq!(chosen.len(), UNDER_THE_EMULATOR.len());
    assert_as_expected(replay_all(chosen, &[Transport::RuntimeInterfaceEmulator], None).await.unwrap());
}

/// The functions that have a folder in `events/`.
fn folders() -> BTreeSet<String> {
    let folders = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../events")).unwrap();
    let folders = folders.map(|entry| entry.unwrap()).filter(|entry| entry.path().is_dir());
    folders.map(|folder| folder.file_name().into_string().unwrap()).collect()
}

#[tokio::test]
async fn every_function_has_recorded_events_and_every_operation_is_among_them() {
    let context = TestContext::new().await;
    let functions = describe_all(|| context.env()).unwrap();
    assert_eq!(folders(), functions.iter().map(|function| function.name.to_owned()).collect());
    let recorded: BTreeSet<_> =
        cases().unwrap().iter().map(|case| (case.function().to_owned(), route(case))).collect();
    for function in functions {
        let document = serde_json::to_value(&function.openapi).unwrap();
        for (path, operations) in document["paths"].as_object().unwrap() {
            for method in operations.as_object().unwrap().keys() {
                let route = format!("{} {path}", method.to_uppercase());
                assert!(recorded.contains(&(function.name.to_owned(), route.clone())), "no case for {route}");
            }
        }
    }
}

#[test]
fn every_function_has_events_of_each_format() {
    for function in folders() {
        let events: Vec<_> =
            cases().unwrap().into_iter().filter(|case| case.function() == function).collect();
        let has = |is: fn(&Value) -> bool| events.iter().any(|case| is(case.event()));
        if function == "maintenance" {
            assert!(has(|event| event["detail-type"].is_string()) && has(|event| event["task"].is_string()));
            continue;
        }
        if function == "smoke-test" {
            assert!(has(|event| event["DeploymentId"].is_string()));
            continue;
        }
        assert!(has(|event| event["version"] == "2.0"), "{function} has no event of an HTTP API");
        assert!(has(|event| event["httpMethod"].is_string()), "{function} has no event of a REST API");
        let is_of_url = |event: &Value| {
            event["requestContext"]["domainName"].as_str().is_some_and(|name| name.contains(".lambda-url."))
        };
        assert!(has(is_of_url), "{function} has no event of a Function URL");
    }
}

#[test]
fn every_recorded_event_has_an_expectation_and_every_expectation_an_event() {
    let cases = cases().unwrap();
    for case in &cases {
        assert!(!case.answer().is_null(), "{} is not recorded", case.name());
    }
    let files = folders().into_iter().flat_map(|folder| {
        fs::read_dir(format!("{}/../../events/{folder}", env!("CARGO_MANIFEST_DIR"))).unwrap()
    });
    assert_eq!(files.count(), 2 * cases.len(), "a file beside the pairs");
}

/// The route that the gateway chose, in the form of `OpenAPI`.
fn route(case: &Case) -> String {
    let event = case.event();
    match (event["routeKey"].as_str(), event["httpMethod"].as_str(), event["resource"].as_str()) {
        (Some(route), ..) => route.to_owned(),
        (_, Some(method), Some(resource)) => format!("{method} {resource}"),
        _ => String::new(),
    }
}
