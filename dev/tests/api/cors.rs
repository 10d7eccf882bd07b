//! Cross-origin requests: what a browser is told, so that pages of the chosen origins can use the API.

use std::collections::BTreeSet;

use serde_json::Value;
use testkit::functions::describe_all;
use testkit::users::sign_up;
use testkit::{Client, Response, TestContext};

use crate::support::clients::{client, probe};
use crate::support::redis_keys::keys;

const ORIGIN: &str = "https://app.example.com";

/// `context` with two origins.
fn with_origins(context: TestContext) -> TestContext {
    context.with("CORS_ORIGINS", "https://app.example.com , http://localhost:5173")
}

/// The list in a header, in lower case.
fn list(response: &Response, name: &str) -> BTreeSet<String> {
    let values = response.header(name).unwrap_or_default().split(',');
    values.map(|value| value.trim().to_lowercase()).filter(|value| !value.is_empty()).collect()
}

/// The names of all headers that CORS knows in `response`.
fn cors_headers(response: &Response) -> Vec<&String> {
    let headers = response.raw["headers"].as_object().unwrap();
    headers.keys().filter(|name| name.starts_with("access-control-")).collect()
}

async fn preflight(client: &Client, path: &str, origin: &str) -> Response {
    let request = client.request("OPTIONS", path).header("origin", origin);
    let request = request.header("access-control-request-method", "PUT");
    request.header("access-control-request-headers", "authorization,if-match").send().await
}

/// Asserts that a browser hands `response` to a page of [`ORIGIN`], with every header that the API promises.
fn assert_readable(response: &Response, status: u16) {
    assert_eq!(response.status, status, "{}", response.text());
    assert_eq!(response.header("access-control-allow-origin"), Some(ORIGIN), "{status}");
    assert!(list(response, "vary").contains("origin"), "{status}");
    assert_eq!(response.header("access-control-allow-credentials"), None);
    assert!(list(response, "access-control-expose-headers").contains("retry-after"), "{status}");
}

#[tokio::test]
async fn preflight_requests_are_answered_by_every_function_before_anything_is_asked() {
    let context = with_origins(TestContext::new().await);
    let unreachable = context
        .clone()
        .with("DATABASE_URL", "postgres://nobody@127.0.0.1:1/nothing")
        .with("REDIS_URL", "redis://127.0.0.1:1/");
    for function in describe_all(|| context.env()).unwrap() {
        for path in function.openapi.paths.paths.keys() {
            let response = preflight(&client(&unreachable, function.name), path, ORIGIN).await;
            assert!(matches!(response.status, 200 | 204), "{path}: {}", response.text());
            assert_eq!(response.header("access-control-allow-origin"), Some(ORIGIN), "{path}");
        }
    }
    let probe = probe(&context);
    let response = preflight(&probe, "/probe/notes/1", "http://localhost:5173").await;
    assert_eq!(response.header("access-control-allow-origin"), Some("http://localhost:5173"));
    assert_eq!(list(&response, "access-control-allow-methods"), names("get head post put delete"));
    let allowed = names("authorization content-type idempotency-key if-match if-none-match");
    assert_eq!(list(&response, "access-control-allow-headers"), allowed);
    assert_eq!(response.header("access-control-max-age"), Some("600"));
    assert_eq!(response.header("access-control-allow-credentials"), None);
    assert_eq!(list(&response, "vary"), names("origin"));
    assert!(keys(&context).await.is_empty(), "a preflight request was counted");
}

fn names(text: &str) -> BTreeSet<String> {
    text.split(' ').map(str::to_owned).collect()
}

#[tokio::test]
async fn every_response_and_every_error_is_readable() {
    let context = with_origins(TestContext::new().await.with("RATE_LIMIT_DEFAULT", "6/60"));
    let ada = sign_up(&context, "ada").await;
    let probe = probe(&context);
    let get = |path: &str| probe.get(path).header("origin", ORIGIN);
    let list = get("/probe/notes").send().await;
    assert_readable(&list, 200);
    let tag = list.header("etag").unwrap();
    assert_readable(&get("/probe/notes").header("if-none-match", tag).send().await, 304);
    assert_readable(&get("/probe/notes/1").send().await, 404);
    assert_readable(&probe.post("/probe/notes").header("origin", ORIGIN).send().await, 401);
    let delete = probe.delete("/probe/notes/1").header("origin", ORIGIN).bearer(&ada.access);
    assert_readable(&delete.send().await, 403);
    assert_readable(&get("/probe/notes?page=0").send().await, 422);
    assert_readable(&get("/probe/notes").send().await, 429);
    assert_readable(&get("/unknown").send().await, 404);
    assert_readable(&get("/probe/notes/../x").send().await, 404);
    let down = context.with("DATABASE_URL", "postgres://nobody@127.0.0.1:1/nothing");
    let system = client(&down, "system");
    assert_readable(&system.get("/health/ready").header("origin", ORIGIN).send().await, 503);
}

#[tokio::test]
async fn a_response_that_varies_already_says_so_in_one_header() {
    let context = with_origins(TestContext::new().await);
    let system = client(&context, "system");
    let page = system.get("/docs/swagger-ui.css").header("origin", ORIGIN).send().await;
    assert_readable(&page, 200);
    assert_eq!(list(&page, "vary"), names("accept-encoding origin"));
    // An HTTP API gets one line of each header; the other form of the response has as many.
    assert_eq!(page.raw["headers"]["vary"].as_str().unwrap().split(',').count(), 2);
}

#[tokio::test]
async fn a_page_of_another_origin_gets_no_permission() {
    let context = with_origins(TestContext::new().await);
    let probe = probe(&context);
    for origin in
        ["https://evil.example", "https://app.example.com.evil.example", "http://app.example.com", "null"]
    {
        let response = preflight(&probe, "/probe/notes", origin).await;
        assert_eq!(response.header("access-control-allow-origin"), None, "{origin}");
        let response = probe.get("/probe/notes").header("origin", origin).send().await;
        assert_eq!(
            (response.status, response.header("access-control-allow-origin")),
            (200, None),
            "{origin}"
        );
        assert_eq!(list(&response, "vary"), names("origin"));
    }
    // What is no browser's request is answered as ever, for caches with the same `Vary`.
    let response = probe.get("/probe/notes").send().await;
    assert_eq!((response.status, response.header("access-control-allow-origin")), (200, None));
    assert_eq!(list(&response, "vary"), names("origin"));
}

#[tokio::test]
async fn options_without_a_preflight_still_asks_for_allow() {
    let context = with_origins(TestContext::new().await);
    let probe = probe(&context);
    let options = probe.request("OPTIONS", "/probe/notes/1").header("origin", ORIGIN).send().await;
    assert_eq!((options.status, list(&options, "allow")), (204, names("get head put delete")));
    assert_eq!(probe.request("OPTIONS", "/unknown").send().await.status, 404);
}

#[tokio::test]
async fn without_the_variable_no_response_speaks_of_origins() {
    let context = TestContext::new().await;
    let probe = probe(&context);
    for response in [
        preflight(&probe, "/probe/notes", ORIGIN).await,
        probe.get("/probe/notes").header("origin", ORIGIN).send().await,
    ] {
        assert!(cors_headers(&response).is_empty(), "{:?}", response.raw);
        assert_eq!(response.header("vary"), None);
    }
}

#[tokio::test]
async fn a_preflight_request_needs_the_secret_of_the_cdn_too() {
    const DIGEST: &str = "11507a0e2f5e69d5dfa40a62a1bd7b6ee57e6bcd85c67c9b8431b36fff21c437";
    let context = with_origins(TestContext::new().await).with("ORIGIN_SECRET_DIGESTS", DIGEST);
    let probe = probe(&context);
    assert_eq!(preflight(&probe, "/probe/notes", ORIGIN).await.status, 403);
    let request =
        probe.request("OPTIONS", "/probe/notes").header("origin", ORIGIN).header("x-origin-secret", "new");
    let response = request.header("access-control-request-method", "GET").send().await;
    assert_eq!((response.status, response.header("access-control-allow-origin")), (200, Some(ORIGIN)));
}

/// Response headers that every page may read (the Fetch standard, "CORS-safelisted response-header name").
const SAFELISTED: &str =
    "cache-control content-language content-length content-type expires last-modified pragma";

#[tokio::test]
async fn a_page_may_use_every_header_of_the_description() {
    let context = with_origins(TestContext::new().await);
    let probe = probe(&context);
    let answered = probe.get("/probe/notes").header("origin", ORIGIN).send().await;
    let readable = &list(&answered, "access-control-expose-headers") | &names(SAFELISTED);
    let permitted = list(&preflight(&probe, "/probe/notes", ORIGIN).await, "access-control-allow-headers");
    let description: Value = serde_json::from_str(include_str!("../../../openapi.json")).unwrap();
    let (mut sent, mut received) = (BTreeSet::new(), BTreeSet::new());
    for operation in
        description["paths"].as_object().unwrap().values().flat_map(|path| path.as_object().unwrap())
    {
        let responses = operation.1["responses"].as_object().unwrap().values();
        let headers = responses.filter_map(|response| response["headers"].as_object());
        received.extend(headers.flat_map(|headers| headers.keys().map(|name| name.to_lowercase())));
        let parameters = operation.1["parameters"].as_array().into_iter().flatten();
        let headers = parameters.filter(|parameter| parameter["in"] == "header");
        sent.extend(headers.map(|header| header["name"].as_str().unwrap().to_lowercase()));
    }
    for response in description["components"]["responses"].as_object().unwrap().values() {
        received.extend(response["headers"].as_object().unwrap().keys().map(|name| name.to_lowercase()));
    }
    assert!(received.len() > 2 && received.is_subset(&readable), "{:?}", &received - &readable);
    // part of auth and books
    assert!(received.len() > 5 && sent.len() == 3, "{received:?}, {sent:?}");
    // end of part
    assert!(sent.is_subset(&permitted), "{:?}", &sent - &permitted);
}
