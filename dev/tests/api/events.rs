//! Events as API Gateway sends them, and events that it never sends: each gets a proper response.

use serde_json::{Value, json};
use testkit::gateway_events::{function_url_event, http_api_event, rest_api_event};
use testkit::users::sign_up;
use testkit::{Client, Response, TestContext};

use crate::support::clients::probe;
use crate::support::responses::assert_problem;

#[tokio::test]
async fn a_path_that_could_be_normalized_to_another_is_refused() {
    let context = TestContext::new().await;
    let probe = probe(&context);
    for path in [
        "/probe/notes/../auth/me",
        "/probe/notes/./1",
        "/probe/notes//1",
        "//probe/notes",
        "/probe/notes/1\\",
        "/probe/notes\0",
        "/probe/notes/\t1",
        "/probe/notes/1\u{7f}",
    ] {
        let response = probe.request("GET", path).send().await;
        assert!(matches!(response.status, 400 | 404), "{path:?}: {}", response.text());
        assert_problem(&response, response.status);
    }
}

#[tokio::test]
async fn a_decoded_delimiter_in_a_path_is_part_of_the_path() {
    let context = TestContext::new().await;
    let probe = probe(&context);
    for path in ["/probe/notes/1?page=2", "/probe/notes/1#x", "/probe/notes/1%2e"] {
        let event = http_api_event("GET", path, "");
        let response = probe.send_event(&event.to_string()).await.unwrap();
        assert_problem(&response, 422);
    }
}

#[tokio::test]
async fn a_body_may_come_in_base64_and_broken_base64_is_refused() {
    let context = TestContext::new().await;
    let (ada, probe) = (sign_up(&context, "ada").await, probe(&context));
    let post = || probe.post("/probe/notes").bearer(&ada.access).header("content-type", "application/json");
    assert_eq!(post().bytes(br#"{"text":"T"}"#).send().await.status, 201);
    assert_problem(&post().bytes(b"\xff\xfe").send().await, 400);
    let mut event = http_api_event("POST", "/probe/notes", "");
    event["isBase64Encoded"] = true.into();
    event["body"] = "***".into();
    assert_problem(&probe.send_event(&event.to_string()).await.unwrap(), 400);
}

#[tokio::test]
async fn rest_api_and_http_api_events_get_the_same_response() {
    let context = TestContext::new().await;
    let probe = probe(&context);
    for (path, query) in
        [("/probe/notes", ""), ("/probe/notes", "page=0"), ("/probe/notes/7", ""), ("/nothing", "")]
    {
        let second = probe.send_event(&http_api_event("GET", path, query).to_string()).await.unwrap();
        let first = probe.send_event(&rest_api_event("GET", path, query).to_string()).await.unwrap();
        assert_eq!(first.status, second.status, "{path}?{query}");
        let (mut one, mut other) = (first.json(), second.json());
        if one["request_id"].is_string() {
            one["request_id"] = "".into();
            other["request_id"] = "".into();
        }
        assert_eq!(one, other);
    }
}

#[tokio::test]
async fn a_configured_stage_prefix_is_removed_from_the_path() {
    let context = TestContext::new().await.with("STAGE_PREFIX", "/prod");
    let probe = probe(&context);
    for (path, status) in [
        ("/prod/probe/notes", 200),
        ("/prod/probe/notes/", 200),
        ("/probe/notes", 200),
        ("/production/probe/notes", 404),
    ] {
        assert_eq!(probe.get(path).send().await.status, status, "{path}");
    }
}

#[tokio::test]
async fn an_encoded_unreserved_character_in_a_path_is_that_character() {
    let context = TestContext::new().await;
    let probe = probe(&context);
    context.database().await.batch_execute("insert into probe_notes (text) values ('T')").await.unwrap();
    for event in [function_url_event, rest_api_event] {
        for (path, status) in [
            ("/probe/n%6Ftes", 200),
            ("/probe/%6e%6f%74%65%73/%31", 200),
            ("/probe/n%256Ftes", 404),
            ("/probe/notes%2F1", 404),
            ("/probe/notes/%2E%2e/notes", 404),
            ("/probe/notes/%2e", 404),
            ("/probe/notes/1%00", 422),
            ("/probe/notes/1%3Fpage=2", 422),
            ("/%", 404),
        ] {
            let response = probe.send_event(&event("GET", path, "").to_string()).await.unwrap();
            assert_eq!(response.status, status, "{path}: {}", response.text());
        }
    }
    // An HTTP API has decoded it already: what is left was encoded twice.
    let event = http_api_event("GET", "/probe/n%6Ftes", "");
    assert_problem(&probe.send_event(&event.to_string()).await.unwrap(), 404);
}

#[tokio::test]
async fn the_location_header_leads_below_the_stage_of_the_request() {
    let context = TestContext::new().await.with("STAGE_PREFIX", "/prod");
    testkit::records::Records::of(&context).create_table().await.unwrap();
    let (ada, probe) = (sign_up(&context, "ada").await, probe(&context));
    let mut rest_below_v1 = rest_api_event("POST", "/prod/probe/notes", "");
    rest_below_v1["requestContext"]["path"] = "/prod/probe/notes".into();
    for (event, base) in [
        (http_api_event("POST", "/prod/probe/notes", ""), "/prod"),
        (http_api_event("POST", "/prod/probe/notes/", ""), "/prod"),
        (http_api_event("POST", "/probe/notes", ""), ""),
        (function_url_event("POST", "/pr%6Fd/probe/n%6Ftes", ""), "/prod"),
        (function_url_event("POST", "/probe/notes", ""), ""),
        (rest_api_event("POST", "/probe/notes", ""), "/prod"),
        (rest_below_v1, "/prod"),
    ] {
        let mut event = event;
        event["multiValueHeaders"] = Value::Null;
        // The first one creates the note, all others replay its response.
        let (client, note) = (probe.from_new_network(), json!({"text": "T"}));
        let request = client.event(event.clone()).bearer(&ada.access).header("idempotency-key", "k");
        let response = request.json(&note).send().await;
        assert_eq!(response.header("location"), Some(format!("{base}/probe/notes/1").as_str()), "{event}");
    }
    let system = Client::start::<system::App>(context.env()).unwrap();
    for (path, location) in [("/prod", "/prod/docs"), ("/prod/", "/prod/docs"), ("/", "/docs")] {
        assert_eq!(system.get(path).send().await.header("location"), Some(location), "{path}");
    }
    let mut root = rest_api_event("GET", "/", "");
    for (path, location) in [("/prod/", "/prod/docs"), ("/prod", "/prod/docs"), ("/", "/docs")] {
        root["requestContext"]["path"] = path.into();
        let response = system.send_event(&root.to_string()).await.unwrap();
        assert_eq!(response.header("location"), Some(location), "{path}");
    }
    // What a gateway would never say is not repeated.
    for path in ["//evil.example/", "/a b/", "x/", "/a\r\nb/", "/a//b", ""] {
        root["requestContext"]["path"] = path.into();
        let response = system.send_event(&root.to_string()).await.unwrap();
        assert_eq!(response.header("location"), Some("/docs"), "{path:?}");
    }
}

#[tokio::test]
async fn an_event_with_missing_members_gets_a_response() {
    let context = TestContext::new().await;
    let probe = probe(&context);
    let complete = http_api_event("GET", "/probe/notes", "");
    for piece in ["rawPath", "rawQueryString", "headers", "isBase64Encoded", "version", "routeKey"] {
        let mut event = complete.clone();
        event.as_object_mut().unwrap().remove(piece);
        let response = probe.send_event(&event.to_string()).await.unwrap();
        assert!(matches!(response.status, 200 | 404), "without {piece}: {}", response.text());
    }
    let mut odd_host = complete.clone();
    odd_host["headers"] = json!({"host": "a b/../{}", "x-forwarded-proto": ":::"});
    assert_eq!(probe.send_event(&odd_host.to_string()).await.unwrap().status, 200);
}

#[tokio::test]
async fn an_event_of_another_service_fails_and_the_next_event_is_served() {
    let context = TestContext::new().await;
    let probe = probe(&context);
    for event in ["{}", "null", "[]", "\"text\"", r#"{"Records":[{"eventSource":"aws:sqs"}]}"#, "not json"] {
        assert!(probe.send_event(event).await.is_err(), "{event}");
    }
    assert_eq!(probe.get("/probe/notes").send().await.status, 200, "and the next event is served");
}

#[tokio::test]
async fn head_and_options_get_a_response() {
    let context = TestContext::new().await;
    let probe = probe(&context);
    let head = probe.request("HEAD", "/probe/notes").send().await;
    assert_eq!((head.status, head.text()), (200, ""));
    let head = probe.request("HEAD", "/probe/notes/1").send().await;
    assert_eq!((head.status, head.text()), (404, ""));
    let options = probe.request("OPTIONS", "/probe/notes").send().await;
    assert_eq!(options.status, 204);
    let allowed: Vec<_> = options.header("allow").unwrap().split(',').map(str::trim).collect();
    for method in ["GET", "HEAD", "POST"] {
        assert!(allowed.contains(&method), "{allowed:?}");
    }
    assert_problem(&probe.request("PATCH", "/probe/notes").send().await, 405);
    assert_problem(&probe.request("OPTIONS", "/nothing").send().await, 404);
}

#[tokio::test]
async fn null_members_are_treated_as_absent() {
    let context = TestContext::new().await;
    let probe = probe(&context);
    for pointer in [
        "/isBase64Encoded",
        "/headers/accept",
        "/requestContext/timeEpoch",
        "/requestContext/http/userAgent",
        "/body",
    ] {
        let mut event = http_api_event("GET", "/probe/notes", "");
        event["headers"]["accept"] = "*/*".into();
        event["body"] = "".into();
        *event.pointer_mut(pointer).unwrap() = Value::Null;
        let response = probe.send_event(&event.to_string()).await.unwrap();
        assert_eq!(response.status, 200, "{pointer}: {}", response.text());
    }
}

#[tokio::test]
async fn a_query_that_is_far_too_long_is_refused_in_every_format() {
    let context = TestContext::new().await;
    let probe = probe(&context);
    let long = format!("page={}", "1".repeat(70_000));
    for event in [rest_api_event("GET", "/probe/notes", &long), http_api_event("GET", "/probe/notes", &long)]
    {
        assert_problem(&probe.send_event(&event.to_string()).await.unwrap(), 400);
    }
}

#[tokio::test]
async fn a_value_in_a_query_means_the_same_in_every_format() {
    let context = TestContext::new().await;
    let probe = probe(&context);
    for (value, encoded) in [
        ("a&b", "a%26b"),
        ("=c", "%3Dc"),
        ("c d", "c+d"),
        ("d#", "d%23"),
        ("é", "%C3%A9"),
        ("\"", "%22"),
        ("%", "%25"),
        ("?+", "?%2B"),
    ] {
        let mut first = rest_api_event("GET", "/probe/echo", "");
        first["queryStringParameters"] = json!({"text": value});
        first["multiValueQueryStringParameters"] = json!({"text": [value]});
        let second = http_api_event("GET", "/probe/echo", &format!("text={encoded}"));
        for event in [first, second] {
            let response = probe.send_event(&event.to_string()).await.unwrap();
            assert_eq!((response.status, response.json()), (200, json!(value)), "{}", response.text());
        }
    }
    let mut control = rest_api_event("GET", "/probe/echo", "");
    control["multiValueQueryStringParameters"] = json!({"text": ["\u{0}"]});
    assert_problem(&probe.send_event(&control.to_string()).await.unwrap(), 422);
}

#[tokio::test]
async fn a_route_without_a_quota_refuses_an_invalid_event() {
    let context = TestContext::new().await;
    let system = Client::start::<system::App>(context.env()).unwrap();
    assert_eq!(
        system.send_event(&http_api_event("GET", "/health", "").to_string()).await.unwrap().status,
        200
    );
    let broken = |mut event: Value| {
        event["isBase64Encoded"] = true.into();
        event["body"] = "***".into();
        event
    };
    let long = format!("a={}", "x".repeat(70_000));
    for event in [
        broken(http_api_event("GET", "/health", "")),
        broken(http_api_event("HEAD", "/health", "")),
        broken(rest_api_event("GET", "/health", "")),
        http_api_event("GET", "/health", &long),
        rest_api_event("GET", "/health", &long),
    ] {
        assert_problem_or_head(&system.send_event(&event.to_string()).await.unwrap());
    }
    for path in ["/health/../health", "/health\\", "/health\0", "health"] {
        let response = system.send_event(&http_api_event("GET", path, "").to_string()).await.unwrap();
        assert_problem(&response, 404);
    }
}

/// A 400, with a problem as its body unless `HEAD` asked.
fn assert_problem_or_head(response: &Response) {
    assert_eq!(response.status, 400, "{}", response.text());
    if !response.text().is_empty() {
        assert_problem(response, 400);
    }
}

#[tokio::test]
async fn an_unavailable_store_is_a_503_and_never_a_401() {
    let context = TestContext::new().await;
    let ada = sign_up(&context, "ada").await;
    let unavailable = context
        .with("DATABASE_URL", "postgres://u:p@127.0.0.1:1/x")
        .with("REDIS_URL", "redis://127.0.0.1:1/");
    let probe = Client::start::<probe::Probe>(unavailable.env()).unwrap();
    assert_problem(&probe.get("/probe/notes").send().await, 503);
    let note = json!({"text": "T"});
    assert_problem(&probe.post("/probe/notes").bearer(&ada.access).json(&note).send().await, 503);
}
