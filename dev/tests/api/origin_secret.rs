//! The secret of a CDN in front: without it every route is closed, and with it the CDN says who the client is.

use std::collections::BTreeMap;

use probe::Probe;
use serde_json::{Value, json};
use testkit::functions::describe_all;
use testkit::gateway_events::{function_url_event, http_api_event, rest_api_event};
use testkit::{Client, Response, TestContext};

use crate::support::clients::client;
use crate::support::redis_keys::keys;
use crate::support::responses::assert_problem;

/// The digests of `new` and `old`, by `sha256sum`.
const DIGESTS: &str = "11507a0e2f5e69d5dfa40a62a1bd7b6ee57e6bcd85c67c9b8431b36fff21c437, \
                       cba06b5736faf67e54b07b561eae94395e774c517a7d910a54369e1263ccfbd4";

const SECRET: &str = "x-origin-secret";
const VIEWER: &str = "x-viewer-address";

/// The same `context` behind a CDN, with one ping a minute for each client.
pub(crate) fn behind_cdn(context: TestContext) -> TestContext {
    context.with("ORIGIN_SECRET_DIGESTS", DIGESTS).with("RATE_LIMIT_DEFAULT", "1/60")
}

fn probe(context: &TestContext) -> Client {
    Client::start::<Probe>(context.env()).unwrap()
}

/// A ping with these headers, through one address of the CDN.
async fn ping(probe: &Client, headers: &[(&str, &str)]) -> Response {
    let probe = probe.from_ip("192.0.2.1");
    let request = probe.get("/probe/ping");
    headers.iter().fold(request, |request, (name, value)| request.header(name, value)).send().await
}

/// Asserts that `response` refuses the address that was asked, and tells nothing of a quota.
pub(crate) fn assert_closed(response: &Response) {
    let problem = response.json();
    assert_eq!(response.status, 403, "{}", response.text());
    assert_eq!(response.header("content-type"), Some("application/problem+json"));
    assert_eq!(problem["type"], "urn:problem-type:bookshelf:closed-address");
    assert_eq!(problem["status"], 403);
    assert!(problem["detail"].as_str().unwrap().starts_with("This address is closed; use the public "));
    assert_eq!((response.header("ratelimit"), response.header("www-authenticate")), (None, None));
}

#[tokio::test]
async fn without_the_secret_every_route_is_closed_and_no_store_is_asked() {
    // No store can answer, so a response other than 503 has asked none.
    let context = behind_cdn(TestContext::new().await)
        .with("DATABASE_URL", "postgres://nobody@127.0.0.1:1/nothing")
        .with("REDIS_URL", "redis://127.0.0.1:1/");
    for function in describe_all(|| context.env()).unwrap() {
        let paths: BTreeMap<_, _> = function.openapi.paths.paths.into_iter().collect();
        if paths.is_empty() {
            continue;
        }
        for path in paths.keys().map(|path| path.replace("{id}", "1")).chain(["/unknown".to_owned()]) {
            let client = client(&context, function.name);
            for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"] {
                let response = client.request(method, &path).send().await;
                assert_eq!(response.status, 403, "{method} {path}: {}", response.text());
            }
            assert_closed(&client.get(&path).header(SECRET, "wrong").send().await);
        }
    }
}

/// `event` with headers, each given as often as it stands in `headers`.
fn with_headers(mut event: Value, headers: &[(&str, &str)]) -> Value {
    let is_rest = event["httpMethod"].is_string();
    for (name, value) in headers {
        if is_rest {
            let values = event["multiValueHeaders"][*name].as_array().cloned().unwrap_or_default();
            event["multiValueHeaders"][*name] = values.into_iter().chain([json!(value)]).collect();
            event["headers"][*name] = json!(value);
        } else {
            // API Gateway joins them.
            let joined = event["headers"][*name].as_str().map(|before| format!("{before},{value}"));
            event["headers"][*name] = json!(joined.as_deref().unwrap_or(value));
        }
    }
    event
}

#[tokio::test]
async fn in_every_format_of_event_the_secret_opens_and_the_viewer_is_the_client() {
    for event in [http_api_event, rest_api_event, function_url_event] {
        let context = behind_cdn(TestContext::new().await);
        let probe = probe(&context);
        let ping = async |headers: &[(&str, &str)]| {
            let event = with_headers(event("GET", "/probe/ping", ""), headers);
            probe.send_event(&event.to_string()).await.unwrap()
        };
        let (secret, viewer) = ((SECRET, "new"), (VIEWER, "203.0.113.7"));
        for closed in [
            &[][..],
            &[viewer],
            &[(SECRET, "wrong"), viewer],
            &[secret, secret, viewer],
            &[secret, (SECRET, "wrong"), viewer],
            &[(SECRET, DIGESTS.split(',').next().unwrap()), viewer],
        ] {
            assert_closed(&ping(closed).await);
        }
        assert!(keys(&context).await.is_empty(), "a closed request was counted");
        assert_eq!(ping(&[secret, viewer]).await.status, 200);
        let key = keys(&context).await;
        assert!(key.len() == 1 && key[0].ends_with(":203.0.113.7"), "{key:?}");
        assert_problem(&ping(&[("X-Origin-Secret", "old"), viewer]).await, 429);
        let other = (VIEWER, "2001:db8::1");
        assert_eq!(ping(&[secret, other]).await.status, 200);
        // Two of them: nobody knows which one is true.
        assert_eq!(ping(&[secret, other, viewer]).await.status, 200);
        assert!(keys(&context).await.iter().any(|key| key.ends_with(":unknown")));
    }
}

#[tokio::test]
async fn while_the_secret_is_not_required_each_way_tells_the_right_client() {
    let context = behind_cdn(TestContext::new().await).with("ORIGIN_SECRET_REQUIRED", "false");
    let probe = probe(&context);
    let viewer = (VIEWER, "203.0.113.7");
    assert_eq!(ping(&probe, &[(SECRET, "new"), viewer]).await.status, 200);
    assert_problem(&ping(&probe, &[(SECRET, "new"), viewer]).await, 429);
    // Past the CDN the gateway's address counts, whatever the headers say.
    assert_eq!(ping(&probe, &[]).await.status, 200);
    assert_problem(&ping(&probe, &[(SECRET, "wrong"), (VIEWER, "198.51.100.1")]).await, 429);
}

#[tokio::test]
async fn a_client_without_a_readable_viewer_address_is_unknown() {
    let context = behind_cdn(TestContext::new().await);
    let probe = probe(&context);
    assert_eq!(ping(&probe, &[(SECRET, "new")]).await.status, 200);
    for address in ["", "203.0.113.7:443", "[2001:db8::1]", "nonsense", "203.0.113.7, 203.0.113.8"] {
        let response = ping(&probe, &[(SECRET, "new"), (VIEWER, address)]).await;
        assert_problem(&response, 429);
        assert!(keys(&context).await.iter().all(|key| key.ends_with(":unknown")), "{address}");
    }
}

#[tokio::test]
async fn other_headers_about_the_client_have_no_effect_beside_the_secret() {
    let context = behind_cdn(TestContext::new().await);
    let probe = probe(&context);
    for (forged, status) in [("198.51.100.1", 200), ("198.51.100.2", 429), ("198.51.100.3", 429)] {
        let headers =
            [(SECRET, "new"), (VIEWER, "203.0.113.7"), ("x-forwarded-for", forged), ("forwarded", forged)];
        assert_eq!(ping(&probe, &headers).await.status, status, "{forged}");
    }
}

#[tokio::test]
async fn without_the_variable_neither_header_has_an_effect() {
    let context = TestContext::new().await.with("RATE_LIMIT_DEFAULT", "1/60");
    let probe = probe(&context);
    assert_eq!(ping(&probe, &[]).await.status, 200);
    for headers in [
        &[(VIEWER, "203.0.113.7")][..],
        &[(SECRET, "new"), (VIEWER, "203.0.113.8:443")],
        &[(SECRET, "wrong"), (VIEWER, "203.0.113.9:443")],
    ] {
        assert_problem(&ping(&probe, headers).await, 429);
    }
    assert!(keys(&context).await.iter().all(|key| key.ends_with(":192.0.2.1")));
}
