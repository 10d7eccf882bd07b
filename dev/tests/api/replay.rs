//! The recorded events in `events/` are complete, and get the expected responses from functions in process, from the
//! built binaries, and from the binaries under the Runtime Interface Emulator.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;
use testkit::TestContext;
use testkit::functions::describe_all;
use testkit::gateway_events::http_api_event;
use testkit::replay::{Case, Outcome, Transport, cases, replay_all};

use crate::support::not_run::not_run;
use crate::template::document::Template;

/// Cases for the emulator, which is slower: for every function one that succeeds and one that fails. `smoke-test`
/// succeeds nowhere but on AWS.
const UNDER_THE_EMULATOR: &[&str] = &[
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

/// The method and the route that the gateway chose, in the form of `OpenAPI`.
fn route(case: &Case) -> String {
    let event = case.event();
    let method = event["requestContext"]["http"]["method"].as_str().or(event["httpMethod"].as_str());
    let path = event["routeKey"].as_str().and_then(|key| key.strip_prefix("ANY "));
    match (method, path.or(event["resource"].as_str())) {
        (Some(method), Some(path)) => format!("{method} {path}"),
        _ => String::new(),
    }
}

/// The keys of the routes in `template.yaml`, as the gateway sends them.
fn route_keys() -> BTreeSet<String> {
    let template = Template::read();
    let mut keys = BTreeSet::new();
    for function in template.functions() {
        let events = function.properties["Events"].as_object().into_iter().flat_map(|events| events.values());
        for route in events.filter(|event| event["Type"] == "HttpApi").map(|event| &event["Properties"]) {
            keys.insert(format!("{} {}", route["Method"].as_str().unwrap(), route["Path"].as_str().unwrap()));
        }
    }
    assert!(!keys.is_empty(), "the template has routes");
    // part of auth and books
    assert!(keys.len() > 10, "{keys:?}");
    // end of part
    keys
}

/// Asserts that `event`, of an HTTP API, names a route that the gateway would choose for its path.
fn assert_routed(event: &Value, keys: &BTreeSet<String>, context: &str) {
    let key = event["routeKey"].as_str().unwrap();
    assert_eq!(event["requestContext"]["routeKey"], key, "{context}");
    let stage = event["requestContext"]["stage"].as_str().unwrap();
    let path = event["rawPath"].as_str().unwrap();
    let path = path.strip_prefix(&format!("/{stage}")).unwrap_or(path);
    if key == "$default" {
        assert_eq!(http_api_event("GET", path, "")["routeKey"], "$default", "{context} has a route");
        return;
    }
    assert!(keys.contains(key), "{context}: the template has no {key}");
    let parameters = event["pathParameters"].as_object().cloned().unwrap_or_default();
    let filled = parameters.iter().fold(key.to_owned(), |key, (name, value)| {
        let value = value.as_str().unwrap();
        key.replace(&format!("{{{name}}}"), value).replace(&format!("{{{name}+}}"), value)
    });
    assert_eq!(filled.split_once(' ').unwrap().1, path, "{context}");
}

#[test]
fn every_event_of_an_http_api_has_the_route_of_the_template_that_the_gateway_chooses() {
    let keys = route_keys();
    let cases = cases().unwrap();
    let is_of_url = |event: &Value| {
        event["requestContext"]["domainName"].as_str().is_some_and(|name| name.contains(".lambda-url."))
    };
    let recorded = cases.iter().filter(|case| case.event()["version"] == "2.0" && !is_of_url(case.event()));
    recorded.for_each(|case| assert_routed(case.event(), &keys, &case.name()));
    for key in &keys {
        let path = key.split_once(' ').unwrap().1.replace("{proxy+}", "a/b").replace("{id}", "1");
        let event = http_api_event("PUT", &path.replace("{file}", "start.js"), "");
        assert_eq!(event["routeKey"], **key);
        assert_routed(&event, &keys, key);
    }
    assert_routed(&http_api_event("GET", "/docs/", ""), &keys, "/docs/");
    assert_eq!(http_api_event("GET", "/unknown", "")["routeKey"], "$default");
}
