//! Events with parts replaced at random: each that is an HTTP request gets a well-formed response, any other perhaps a
//! runtime error, and no process ends.

use std::cell::Cell;

use probe::Probe;
use proptest::collection::vec;
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_oneof};
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use shared::protection::quotas;
use stack::environment::ExecutionEnvironment;
use testkit::functions::{FUNCTIONS, Registered};
use testkit::gateway_events::{http_api_event, rest_api_event};
use testkit::replay::cases;
use testkit::{Client, Failure, TestContext, response_flaw};
use tokio::runtime::Runtime;

use crate::support::fake_aws::FakeAws;

/// JSON pointers to all values in `event`.
fn pointers(event: &Value, prefix: &str) -> Vec<String> {
    let children: Vec<(String, &Value)> = match event {
        Value::Object(members) => {
            members.iter().map(|(name, value)| (format!("{prefix}/{name}"), value)).collect()
        }
        Value::Array(items) => {
            items.iter().enumerate().map(|(n, value)| (format!("{prefix}/{n}"), value)).collect()
        }
        _ => Vec::new(),
    };
    children
        .into_iter()
        .flat_map(|(pointer, value)| [vec![pointer.clone()], pointers(value, &pointer)].concat())
        .collect()
}

/// Stands for an unpaired surrogate, which JSON can hold and a value in this program can not.
const SURROGATE: &str = "\u{e000}";

/// Text that the functions do not expect, or that HTTP forbids in headers and methods.
fn odd_text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[ -~]{0,40}",
        "/(books|probe|health|\\.\\.|%2e|%6F|[?#\\\\\u{0}\t ]){0,6}",
        "[a-z]{0,3}[\u{0}-\u{20}\u{7f}\u{e000}:é]{1,2}[a-z]{0,3}",
        Just("x".repeat(70_000)),
        Just("***".to_owned()),
        Just("$default".to_owned()),
    ]
}

/// Values that the functions do not expect.
fn unexpected() -> impl Strategy<Value = Value> {
    prop_oneof![
        odd_text().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        Just(Value::Null),
        Just(json!({})),
        Just(json!([])),
        Just(json!({"a": [null]})),
        Just(json!(["a", "b"])),
        Just(json!(1e300)),
    ]
}

/// A change at one of the places of an event: another value there, or, in an object, one more member.
type Change = (usize, Option<String>, Value);

fn change() -> impl Strategy<Value = Change> {
    (any::<usize>(), prop_oneof![2 => Just(None), 1 => odd_text().prop_map(Some)], unexpected())
}

/// `event` with these changes.
fn changed(event: &Value, changes: Vec<Change>) -> Value {
    let mut event = event.clone();
    let pointers = pointers(&event, "");
    for (pointer, name, unexpected) in changes.into_iter().filter(|_| !pointers.is_empty()) {
        match (event.pointer_mut(&pointers[pointer % pointers.len()]), name) {
            (Some(Value::Object(members)), Some(name)) => drop(members.insert(name, unexpected)),
            (Some(value), _) => *value = unexpected,
            (None, _) => {}
        }
    }
    event
}

/// The text of `event`, with real surrogates.
fn text_of(event: &Value) -> String {
    event.to_string().replace(SURROGATE, "\\ud800")
}

#[test]
fn no_mutated_event_panics_or_gets_a_status_outside_200_to_499() {
    let env = probe::env_without_stores;
    let functions = [Client::start::<system::App>(env()).unwrap(), Client::start::<Probe>(env()).unwrap()];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let bases: Vec<Value> = ["/health", "/probe/ping", "/openapi.json"]
        .into_iter()
        .flat_map(|path| {
            [
                rest_api_event("GET", path, "a=b"),
                http_api_event("GET", path, "a=b"),
                http_api_event("POST", path, ""),
            ]
        })
        .collect();
    let mutations = (0..bases.len(), vec(change(), 1..4));
    // 3,072 cases; the variable PROPTEST_CASES, 256 unless set, makes them more.
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    let config = ProptestConfig { cases: config.cases * 12, ..config };
    let outcome = TestRunner::new(config).run(&mutations, |(base, changes)| {
        let event = changed(&bases[base], changes);
        for function in &functions {
            let outcome = runtime.block_on(function.send_event(&text_of(&event)));
            let outcome = outcome.map(|response| response.raw);
            assert_eq!(response_flaw(&event.to_string(), &outcome), None, "{event}");
        }
        Ok(())
    });
    outcome.unwrap();
}

/// A mutation: the index of a recorded event, changes of it, and replaced bytes of its text.
type Mutated = (usize, Vec<Change>, Vec<(usize, u8)>);

fn mutated(events: usize) -> impl Strategy<Value = Mutated> {
    let bytes = prop_oneof![3 => Just(Vec::new()), 1 => vec((any::<usize>(), any::<u8>()), 1..4)];
    (0..events, vec(change(), 0..4), bytes)
}

fn bytes_of(events: &[Value], (event, changes, replaced): Mutated) -> Vec<u8> {
    let mut bytes = text_of(&changed(&events[event], changes)).into_bytes();
    let length = bytes.len();
    for (pointer, byte) in replaced {
        bytes[pointer % length] = byte;
    }
    bytes
}

/// Sends mutated events to the built binary of `function`, as many as `PROPTEST_CASES` says.
fn send_mutated_events(runtime: &Runtime, function: &Registered) {
    let (function, serves_http) = (function.name, function.purpose.is_some());
    let recorded = cases().unwrap().into_iter().filter(|case| case.function() == function);
    let events = recorded.map(|case| case.event().clone()).filter(|event| event.to_string().len() < 16_384);
    let events: Vec<_> = events.collect();
    let process = runtime.block_on(async {
        // Routes with passwords keep their quotas, since each request costs a hash.
        let others =
            quotas::ALL.iter().filter(|quota| !["login", "register", "password"].contains(&quota.name));
        let context = others.fold(TestContext::new().await.with("LOG_LEVEL", "error"), |context, quota| {
            context.with(&quota.variable(), "10000/1")
        });
        // `smoke-test` calls AWS for each event of its own.
        let context = FakeAws::start(vec![], &[]).await.used_by(context);
        ExecutionEnvironment::start(function, context.variables()).await.unwrap()
    });
    let (answered, refused) = (Cell::new(0), Cell::new(0));
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    let outcome = TestRunner::new(config).run(&mutated(events.len()), |mutation| {
        let event = bytes_of(&events, mutation);
        let outcome = runtime.block_on(invoke(&process, &event));
        // What is no text is no JSON, and so no HTTP request.
        let text = std::str::from_utf8(&event).unwrap_or_default();
        assert!(process.is_alive(), "{}\n{text}", process.log());
        if serves_http {
            assert_eq!(response_flaw(text, &outcome), None, "{text}");
        }
        let counter = if outcome.is_ok() { &answered } else { &refused };
        counter.set(counter.get() + 1);
        Ok(())
    });
    outcome.unwrap();
    assert!(!process.log().contains("panicked"), "{}", process.log());
    eprintln!("{function}: {} answered, {} refused as no HTTP event", answered.get(), refused.get());
}

/// Sends the event again after a 503, up to four times: a store is too busy on this machine, whatever the event is.
async fn invoke(process: &ExecutionEnvironment, event: &[u8]) -> Result<Value, Failure> {
    for _ in 0..4 {
        match process.invoke_bytes(event).await {
            Ok(response) if response["statusCode"] == 503 => {}
            outcome => return outcome,
        }
    }
    process.invoke_bytes(event).await
}

#[test]
fn no_bytes_end_a_process_or_get_a_status_outside_200_to_499() {
    // The runtime API needs its own thread, since proptest is not asynchronous.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    for function in FUNCTIONS {
        send_mutated_events(&runtime, function);
    }
}
