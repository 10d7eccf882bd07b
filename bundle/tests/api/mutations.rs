//! Events with pieces replaced at random: whatever comes in, a proper answer or a clean error goes out.

use proptest::collection::vec;
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_oneof};
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use shared::env::Env;
use shared::testing::Client;

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

#[test]
fn no_event_however_mutated_panics_or_is_answered_outside_200_to_499() {
    // Nothing behind the boundary: a store that is refused at once.
    let env =
        Env::of([("DATABASE_URL", "postgres://u:p@127.0.0.1:1/x"), ("REDIS_URL", "redis://127.0.0.1:1/")]);
    let functions =
        [Client::start::<system::App>(&env).unwrap(), Client::start::<rl_demo::App>(&env).unwrap()];
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
        let mut event = bases[base].clone();
        let places = places(&event, "");
        for (place, oddity) in changes {
            if let Some(value) = event.pointer_mut(&places[place % places.len()]) {
                *value = oddity;
            }
        }
        for function in &functions {
            if let Ok(answer) = runtime.block_on(function.send_event(&event.to_string())) {
                assert!((200..500).contains(&answer.status), "{} {event}", answer.status);
            }
        }
        Ok(())
    });
    outcome.unwrap();
}
