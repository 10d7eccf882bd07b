//! Events with members that HTTP forbids or that are no text: each gets an HTTP response, never a function error, since
//! function errors raise alarms and roll a deployment back.

use serde_json::{Value, json};
use testkit::gateway_events::{function_url_event, http_api_event, rest_api_event};
use testkit::{Client, TestContext};

use crate::support::clients::probe;
use crate::support::responses::assert_problem;

/// A request in each format of event. `headers` is where a format has its headers, `method` where it has its method.
struct Format {
    event: Value,
    headers: &'static str,
    method: &'static str,
}

fn formats(method: &str, path: &str) -> [Format; 4] {
    let format = |event, headers, method| Format { event, headers, method };
    let mut without_lists = rest_api_event(method, path, "");
    without_lists["multiValueHeaders"] = Value::Null;
    [
        format(http_api_event(method, path, ""), "headers", "/requestContext/http/method"),
        format(function_url_event(method, path, ""), "headers", "/requestContext/http/method"),
        format(rest_api_event(method, path, ""), "multiValueHeaders", "/httpMethod"),
        format(without_lists, "headers", "/httpMethod"),
    ]
}

/// Marks the place of a surrogate, because a JSON value of this program can't hold one.
const MARK: &str = "\u{e000}";

/// A context in which a test may send as many requests as it likes.
async fn context() -> TestContext {
    TestContext::new().await.with("RATE_LIMIT_DEFAULT", "10000/60")
}

/// Sends an event, which gets a 400.
async fn assert_bad_request(client: &Client, event: &str) {
    let response = client.send_event(event).await.unwrap_or_else(|failure| panic!("{failure:?}: {event}"));
    assert_problem(&response, 400);
}

#[tokio::test]
async fn a_header_that_http_forbids_is_a_bad_request() {
    let context = context().await;
    let probe = probe(&context);
    for Format { event, headers, .. } in formats("GET", "/probe/notes") {
        for (name, value) in [
            ("", "v"),
            ("a b", "v"),
            ("a:", "v"),
            ("é", "v"),
            ("x\n", "v"),
            ("x", "a\nb"),
            ("x", "\r\nset-cookie: a=b"),
            ("x", "\u{0}"),
            ("x", "\u{7f}"),
            ("authorization", "Bearer \u{1}"),
        ] {
            let mut event = event.clone();
            event[headers][name] = if headers == "headers" { json!(value) } else { json!(["sound", value]) };
            assert_bad_request(&probe, &event.to_string()).await;
        }
    }
}

#[tokio::test]
async fn a_method_that_http_forbids_is_a_bad_request() {
    let context = context().await;
    let probe = probe(&context);
    for format in formats("POST", "/probe/notes") {
        for method in ["GE T", "G\u{0}", "POST\n", "é", " ", "a/b"] {
            let mut event = format.event.clone();
            *event.pointer_mut(format.method).unwrap() = method.into();
            let response = probe.send_event(&event.to_string()).await.unwrap();
            assert_eq!((response.status, &response.json()["status"]), (400, &json!(400)), "{event}");
        }
    }
}

#[tokio::test]
async fn an_unpaired_surrogate_anywhere_is_a_bad_request() {
    let context = context().await;
    let probe = probe(&context);
    for Format { event, headers, method } in formats("GET", "/probe/notes") {
        let places = [
            format!("/{headers}/x"),
            method.to_owned(),
            "/body".to_owned(),
            "/unknown".to_owned(),
            "/requestContext/stage".to_owned(),
        ];
        let mut events: Vec<Value> = places.iter().map(|place| with(&event, place, MARK)).collect();
        events.push(with(&event, &format!("/{MARK}"), "v"));
        events.push(with(&event, &format!("/{headers}/{MARK}"), "v"));
        events.push(with(&event, &format!("/requestContext/{MARK}"), "v"));
        for event in events {
            for surrogate in ["\\ud800", "\\udfff", "\\ude00\\ud83d", "\\ud800\\u0061"] {
                assert_bad_request(&probe, &event.to_string().replace(MARK, surrogate)).await;
            }
        }
        let crab = with(&event, "/unknown", MARK).to_string().replace(MARK, "\\ud83e\\udd80 \\\\ud800");
        assert_eq!(probe.send_event(&crab).await.unwrap().status, 200, "a pair is a character: {crab}");
    }
}

/// `event` with `value` at the pointer `place`, whose last name need not exist yet.
fn with(event: &Value, place: &str, value: &str) -> Value {
    let mut event = event.clone();
    let (parent, name) = place.rsplit_once('/').unwrap();
    event.pointer_mut(parent).unwrap()[name] = value.into();
    event
}

#[tokio::test]
async fn a_member_of_another_type_is_a_bad_request_or_has_no_effect() {
    let context = context().await;
    let probe = probe(&context);
    for Format { event, .. } in formats("GET", "/probe/notes") {
        let needed = ["headers", "body", "isBase64Encoded", "rawPath", "rawQueryString", "cookies", "path"];
        let names = [&needed[..], &["stageVariables", "pathParameters", "version", "routeKey"]].concat();
        for name in names.into_iter().chain(["multiValueHeaders", "queryStringParameters", "requestContext"])
        {
            for value in [json!({"a": {}}), json!([1]), json!(1), json!("text"), json!({"": ""})] {
                let mut event = event.clone();
                event[name] = value;
                let response = probe.send_event(&event.to_string()).await;
                let status = response.unwrap_or_else(|failure| panic!("{failure:?}: {event}")).status;
                assert!(matches!(status, 200 | 400 | 404 | 405 | 422), "{status}: {event}");
            }
        }
        for pointer in
            ["/requestContext/timeEpoch", "/requestContext/requestTimeEpoch", "/requestContext/stage"]
        {
            let event = with(&event, pointer, "text");
            assert_eq!(probe.send_event(&event.to_string()).await.unwrap().status, 200, "{event}");
        }
    }
}
