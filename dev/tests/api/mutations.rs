//! Events with pieces replaced at random: whatever comes in, a proper answer or a clean error goes out.

use std::cell::Cell;

use proptest::collection::vec;
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_oneof};
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use shared::config::Env;
use stack::environment::ExecutionEnvironment;
use testkit::functions::FUNCTIONS;
use testkit::replay::cases;
use testkit::{Client, Failure, TestContext, flaw};
use tokio::runtime::Runtime;

use crate::events::{v1, v2};

/// Where there is a value in `event`, as JSON pointers.
fn places(event: &Value, prefix: &str) -> Vec<String> {
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
        .flat_map(|(place, value)| [vec![place.clone()], places(value, &place)].concat())
        .collect()
}

/// Values that are not what one expects.
fn oddity() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        any::<String>(),
        "[ -~]{0,40}",
        "/(books|rl-demo|health|\\.\\.|%2e|[?#\\\\\u{0}\t ]){0,6}",
        Just("x".repeat(70_000)),
        Just("***".to_owned()),
        Just("$default".to_owned()),
    ];
    prop_oneof![
        text.prop_map(Value::from),
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

/// `event` with values replaced.
fn changed(event: &Value, changes: Vec<(usize, Value)>) -> Value {
    let mut event = event.clone();
    let places = places(&event, "");
    for (place, oddity) in changes.into_iter().filter(|_| !places.is_empty()) {
        if let Some(value) = event.pointer_mut(&places[place % places.len()]) {
            *value = oddity;
        }
    }
    event
}

#[test]
fn no_event_however_mutated_panics_or_is_answered_outside_200_to_499() {
    // Nothing behind the boundary: a store that is refused at once.
    let env =
        || Env::of([("DATABASE_URL", "postgres://u:p@127.0.0.1:1/x"), ("REDIS_URL", "redis://127.0.0.1:1/")]);
    let functions =
        [Client::start::<system::App>(env()).unwrap(), Client::start::<rl_demo::App>(env()).unwrap()];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let bases: Vec<Value> = ["/health", "/rl-demo/ping", "/openapi.json"]
        .into_iter()
        .flat_map(|path| [v1("GET", path, "a=b"), v2("GET", path, "a=b"), v2("POST", path, "")])
        .collect();
    let mutations = (0..bases.len(), vec((any::<usize>(), oddity()), 1..4));
    // 3,072 cases; the variable PROPTEST_CASES, 256 unless set, makes them more.
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    let config = ProptestConfig { cases: config.cases * 12, ..config };
    let outcome = TestRunner::new(config).run(&mutations, |(base, changes)| {
        let event = changed(&bases[base], changes);
        for function in &functions {
            let outcome = runtime.block_on(function.send_event(&event.to_string()));
            assert_eq!(flaw(&outcome.map(|answer| answer.raw)), None, "{event}");
        }
        Ok(())
    });
    outcome.unwrap();
}

/// What a mutated event is: one of the recorded ones, with other values, and other bytes in its text.
type Mutated = (usize, Vec<(usize, Value)>, Vec<(usize, u8)>);

fn mutated(events: usize) -> impl Strategy<Value = Mutated> {
    let bytes = prop_oneof![3 => Just(Vec::new()), 1 => vec((any::<usize>(), any::<u8>()), 1..4)];
    (0..events, vec((any::<usize>(), oddity()), 0..4), bytes)
}

fn bytes_of(events: &[Value], (event, changes, replaced): Mutated) -> Vec<u8> {
    let mut bytes = changed(&events[event], changes).to_string().into_bytes();
    let length = bytes.len();
    for (place, byte) in replaced {
        bytes[place % length] = byte;
    }
    bytes
}

/// Hands the built binary of `function` mutated events, as many as `PROPTEST_CASES` says.
fn bombard(runtime: &Runtime, function: &str) {
    let recorded = cases().unwrap().into_iter().filter(|case| case.function() == function);
    let events = recorded.map(|case| case.event().clone()).filter(|event| event.to_string().len() < 16_384);
    let events: Vec<_> = events.collect();
    let process = runtime.block_on(async {
        // Passwords keep their quotas: each costs a hash.
        let context =
            ["DEFAULT", "PING", "LOGIN_SIM"].into_iter().fold(TestContext::new().await, |context, quota| {
                context.with(&format!("RATE_LIMIT_{quota}"), "10000/1").with("LOG_LEVEL", "error")
            });
        ExecutionEnvironment::start(function, context.variables()).await.unwrap()
    });
    let (answered, refused) = (Cell::new(0), Cell::new(0));
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    let outcome = TestRunner::new(config).run(&mutated(events.len()), |mutation| {
        let event = bytes_of(&events, mutation);
        let outcome = runtime.block_on(invoke(&process, &event));
        let event = String::from_utf8_lossy(&event);
        assert!(process.is_alive(), "{}\n{event}", process.log());
        if function != maintenance::NAME {
            assert_eq!(flaw(&outcome), None, "{event}");
        }
        let counter = if outcome.is_ok() { &answered } else { &refused };
        counter.set(counter.get() + 1);
        Ok(())
    });
    outcome.unwrap();
    assert!(!process.log().contains("panicked"), "{}", process.log());
    eprintln!("{function}: {} answered, {} refused as no event of theirs", answered.get(), refused.get());
}

/// Once more where a store is too busy on this machine to answer, which is the one 503 that no input leads to.
async fn invoke(process: &ExecutionEnvironment, event: &[u8]) -> Result<Value, Failure> {
    for _ in 0..4 {
        match process.invoke_bytes(event).await {
            Ok(answer) if answer["statusCode"] == 503 => {}
            outcome => return outcome,
        }
    }
    process.invoke_bytes(event).await
}

#[test]
fn no_bytes_end_a_process_or_are_answered_outside_200_to_499() {
    // The runtime API needs a thread of its own: proptest is not asynchronous.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    for function in &FUNCTIONS {
        bombard(&runtime, function.name);
    }
}
