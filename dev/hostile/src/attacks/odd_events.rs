//! Odd events: the recorded ones, with parts replaced by what no client should send. They stay HTTP events, so each has
//! to be answered, and a function error is a fault.

use std::sync::Arc;

use serde_json::{Value, json};
use stack::Result;
use testkit::replay::cases;

use super::attack::{Attack, Targets, address};
use crate::random::Random;

/// Networks of the attacker.
const NETWORKS: usize = 40;

/// Stands for half of a surrogate pair, which JSON can hold and a Rust string can't.
const SURROGATE: &str = "@surrogate@";

/// Longest event that is taken, in characters.
const LONGEST: usize = 16_384;

/// The parts that a client decides, in either format.
const PARTS: [&str; 10] = [
    "/rawPath",
    "/rawQueryString",
    "/body",
    "/path",
    "/httpMethod",
    "/requestContext/http/method",
    "/requestContext/http/path",
    "/requestContext/http/userAgent",
    "/requestContext/http/sourceIp",
    "/requestContext/identity/sourceIp",
];

pub(super) fn attack(targets: &Arc<Targets>) -> Result<Attack> {
    let recorded = cases()?.into_iter().filter(|case| {
        ["books", "auth"].contains(&case.function()) && case.answer()["statusCode"].is_number()
    });
    let events: Vec<_> = recorded.map(|case| (case.function() == "books", case.event().clone())).collect();
    let events = Arc::new(events);
    let (targets, random) = (targets.clone(), Arc::new(Random::new(7)));
    Ok(Attack::new("odd events", 6, move |_, tally| {
        let (events, targets, random) = (events.clone(), targets.clone(), random.clone());
        async move {
            let (is_for_books, event) = random.pick(&events);
            let text = odd(event.clone(), &random);
            let pool = if *is_for_books { &targets.books } else { &targets.auth };
            tally.count(&pool.client("192.0.2.1").send_event(&text).await);
        }
    }))
}

/// `event` from a network of the attacker, with one to three odd parts.
fn odd(mut event: Value, random: &Random) -> String {
    for pointer in ["/requestContext/http/sourceIp", "/requestContext/identity/sourceIp"] {
        if let Some(ip) = event.pointer_mut(pointer) {
            *ip = address(0x6, random.below(NETWORKS)).into();
        }
    }
    if event.to_string().len() <= LONGEST {
        for _ in 0..=random.below(3) {
            change(&mut event, random);
        }
    }
    event.to_string().replace(SURROGATE, r"\ud800")
}

fn change(event: &mut Value, random: &Random) {
    match random.below(6) {
        0 => set_header(event, odd_name(random), &odd_text(random)),
        1 => {
            let name =
                *random.pick(&["authorization", "content-type", "if-match", "if-none-match", "cookie"]);
            set_header(event, name, &odd_text(random));
        }
        2 => set_header(event, "idempotency-key", &odd_text(random)),
        3 => event["isBase64Encoded"] = json!(random.below(2) == 0),
        _ => {
            let present: Vec<_> = PARTS.into_iter().filter(|part| event.pointer(part).is_some()).collect();
            if present.is_empty() {
                return;
            }
            if let Some(part) = event.pointer_mut(random.pick::<&str>(&present)) {
                *part = odd_text(random).into();
            }
        }
    }
}

/// Sets a header in each list of headers that the event has.
fn set_header(event: &mut Value, name: &str, value: &str) {
    if let Some(headers) = event["headers"].as_object_mut() {
        headers.insert(name.to_owned(), value.into());
    }
    if let Some(headers) = event.get_mut("multiValueHeaders").and_then(Value::as_object_mut) {
        headers.insert(name.to_owned(), json!([value]));
    }
}

fn odd_name(random: &Random) -> &'static str {
    random.pick::<&str>(&[
        "",
        "a b",
        "é",
        "x\r\ny",
        ":path",
        "content-length",
        "transfer-encoding",
        "\u{0}",
        "host",
    ])
}

fn odd_text(random: &Random) -> String {
    const TEXTS: [&str; 16] = [
        "",
        "\u{0}",
        "\r\nx: y",
        "/../../etc/passwd",
        "/books/%2e%2e/1",
        "/books/\\1",
        "%",
        "page=1&page=2&page",
        "a=%ff%fe&b=%",
        "GE T",
        "***",
        "{\"title\":\"a\",\"title\":\"b\"}",
        "999.1.2.3",
        "'; drop table books; --",
        "\u{202e}\u{feff}🦀",
        SURROGATE,
    ];
    match random.below(TEXTS.len() + 2) {
        0 => "x".repeat(70_000),
        1 => "[".repeat(5_000),
        number => TEXTS[number - 2].to_owned(),
    }
}
