//! Events as API Gateway sends them, and events that it never sends: each gets a proper response.

use serde_json::{Value, json};
use testkit::{Client, Response, TestContext};

use crate::support::responses::assert_problem;
use crate::support::users::{books, sign_up};
use testkit::gateway_events::{function_url_event, http_api_event, rest_api_event};

#[tokio::test]
async fn a_path_that_could_be_normalized_to_another_is_refused() {
    let context = TestContext::new().await;
    let books = books(&context);
    for path in [
        "/books/../auth/me",
        "/books/./1",
        "/books//1",
        "//books",
        "/books/1\\",
        "/books\0",
        "/books/\t1",
        "/books/1\u{7f}",
    ] {
        let response = books.request("GET", path).send().await;
        assert!(matches!(response.status, 400 | 404), "{path:?}: {}", response.text());
        assert_problem(&response, response.status);
    }
}

#[tokio::test]
async fn a_decoded_delimiter_in_a_path_is_part_of_the_path() {
    let context = TestContext::new().await;
    let books = books(&context);
    for path in ["/books/1?page=2", "/books/1#x", "/books/1%2e"] {
        let event = http_api_event("GET", path, "");
        let response = books.send_event(&event.to_string()).await.unwrap();
        assert_problem(&response, 422);
    }
}

#[tokio::test]
async fn a_body_may_come_in_base64_and_broken_base64_is_refused() {
    let context = TestContext::new().await;
    let (ada, books) = (sign_up(&context, "ada").await, books(&context));
    let post = || books.post("/books").bearer(&ada.access).header("content-type", "application/json");
    assert_eq!(post().bytes(br#"{"title":"T","author":"A"}"#).send().await.status, 201);
    assert_problem(&post().bytes(b"\xff\xfe").send().await, 400);
    let mut event = http_api_event("POST", "/books", "");
    event["isBase64Encoded"] = true.into();
    event["body"] = "***".into();
    assert_problem(&books.send_event(&event.to_string()).await.unwrap(), 400);
}

#[tokio::test]
async fn rest_api_and_http_api_events_get_the_same_response() {
    let context = TestContext::new().await;
    let books = books(&context);
    for (path, query) in [("/books", ""), ("/books", "page=0"), ("/books/7", ""), ("/nothing", "")] {
        let second = books.send_event(&http_api_event("GET", path, query).to_string()).await.unwrap();
        let first = books.send_event(&rest_api_event("GET", path, query).to_string()).await.unwrap();
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
    let books = books(&context);
    for (path, status) in
        [("/prod/books", 200), ("/prod/books/", 200), ("/books", 200), ("/production/books", 404)]
    {
        assert_eq!(books.get(path).send().await.status, status, "{path}");
    }
}

#[tokio::test]
async fn an_encoded_unreserved_character_in_a_path_is_that_character() {
    let context = TestContext::new().await;
    let books = books(&context);
    context
        .database()
        .await
        .batch_execute("insert into books (title, author) values ('T', 'A')")
        .await
        .unwrap();
    for event in [function_url_event, rest_api_event] {
        for (path, status) in [
            ("/b%6Foks", 200),
            ("/%62%6f%6F%6B%73/%31", 200),
            ("/b%256Foks", 404),
            ("/books%2F1", 404),
            ("/books/%2E%2e/books", 404),
            ("/books/%2e", 404),
            ("/books/1%00", 422),
            ("/books/1%3Fpage=2", 422),
            ("/%", 404),
        ] {
            let response = books.send_event(&event("GET", path, "").to_string()).await.unwrap();
            assert_eq!(response.status, status, "{path}: {}", response.text());
        }
    }
    // An HTTP API has decoded it already: what is left was encoded twice.
    let event = http_api_event("GET", "/b%6Foks", "");
    assert_problem(&books.send_event(&event.to_string()).await.unwrap(), 404);
}

#[tokio::test]
async fn the_location_header_leads_below_the_stage_of_the_request() {
    let context = TestContext::new().await.with("STAGE_PREFIX", "/prod");
    testkit::records::Records::of(&context).create_table().await.unwrap();
    let (ada, books) = (sign_up(&context, "ada").await, books(&context));
    let mut rest_below_v1 = rest_api_event("POST", "/prod/books", "");
    rest_below_v1["requestContext"]["path"] = "/prod/books".into();
    for (event, base) in [
        (http_api_event("POST", "/prod/books", ""), "/prod"),
        (http_api_event("POST", "/prod/books/", ""), "/prod"),
        (http_api_event("POST", "/books", ""), ""),
        (function_url_event("POST", "/pr%6Fd/b%6Foks", ""), "/prod"),
        (function_url_event("POST", "/books", ""), ""),
        (rest_api_event("POST", "/books", ""), "/prod"),
        (rest_below_v1, "/prod"),
    ] {
        let mut event = event;
        event["multiValueHeaders"] = Value::Null;
        // The first one creates the book, all others replay its response.
        let (client, book) = (books.from_new_network(), json!({"title": "T", "author": "A"}));
        let request = client.event(event.clone()).bearer(&ada.access).header("idempotency-key", "k");
        let response = request.json(&book).send().await;
        assert_eq!(response.header("location"), Some(format!("{base}/books/1").as_str()), "{event}");
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
    let books = books(&context);
    let complete = http_api_event("GET", "/books", "");
    for piece in ["rawPath", "rawQueryString", "headers", "isBase64Encoded", "version", "routeKey"] {
        let mut event = complete.clone();
        event.as_object_mut().unwrap().remove(piece);
        let response = books.send_event(&event.to_string()).await.unwrap();
        assert!(matches!(response.status, 200 | 404), "without {piece}: {}", response.text());
    }
    let mut odd_host = complete.clone();
    odd_host["headers"] = json!({"host": "a b/../{}", "x-forwarded-proto": ":::"});
    assert_eq!(books.send_event(&odd_host.to_string()).await.unwrap().status, 200);
}

#[tokio::test]
async fn an_event_of_another_service_fails_and_the_next_event_is_served() {
    let context = TestContext::new().await;
    let books = books(&context);
    for event in ["{}", "null", "[]", "\"text\"", r#"{"Records":[{"eventSource":"aws:sqs"}]}"#, "not json"] {
        assert!(books.send_event(event).await.is_err(), "{event}");
    }
    assert_eq!(books.get("/books").send().await.status, 200, "and the next event is served");
}

#[tokio::test]
async fn head_and_options_get_a_response() {
    let context = TestContext::new().await;
    let books = books(&context);
    let head = books.request("HEAD", "/books").send().await;
    assert_eq!((head.status, head.text()), (200, ""));
    let head = books.request("HEAD", "/books/1").send().await;
    assert_eq!((head.status, head.text()), (404, ""));
    let options = books.request("OPTIONS", "/books").send().await;
    assert_eq!(options.status, 204);
    let allowed: Vec<_> = options.header("allow").unwrap().split(',').map(str::trim).collect();
    for method in ["GET", "HEAD", "POST"] {
        assert!(allowed.contains(&method), "{allowed:?}");
    }
    assert_problem(&books.request("PATCH", "/books").send().await, 405);
    assert_problem(&books.request("OPTIONS", "/nothing").send().await, 404);
}

#[tokio::test]
async fn null_members_are_treated_as_absent() {
    let context = TestContext::new().await;
    let books = books(&context);
    for pointer in [
        "/isBase64Encoded",
        "/headers/accept",
        "/requestContext/timeEpoch",
        "/requestContext/http/userAgent",
        "/body",
    ] {
        let mut event = http_api_event("GET", "/books", "");
        event["headers"]["accept"] = "*/*".into();
        event["body"] = "".into();
        *event.pointer_mut(pointer).unwrap() = Value::Null;
        let response = books.send_event(&event.to_string()).await.unwrap();
        assert_eq!(response.status, 200, "{pointer}: {}", response.text());
    }
}

#[tokio::test]
async fn a_query_that_is_far_too_long_is_refused_in_every_format() {
    let context = TestContext::new().await;
    let books = books(&context);
    let long = format!("title_contains={}", "x".repeat(70_000));
    for event in [rest_api_event("GET", "/books", &long), http_api_event("GET", "/books", &long)] {
        assert_problem(&books.send_event(&event.to_string()).await.unwrap(), 400);
    }
}

#[tokio::test]
async fn a_value_in_a_query_means_the_same_in_every_format() {
    let context = TestContext::new().await;
    let books = books(&context);
    context
        .database()
        .await
        .batch_execute("insert into books (title, author) values ('a&b=c d#é\"%?+', 'A')")
        .await
        .unwrap();
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
        let mut first = rest_api_event("GET", "/books", "");
        first["queryStringParameters"] = json!({"title_contains": value});
        first["multiValueQueryStringParameters"] = json!({"title_contains": [value]});
        let second = http_api_event("GET", "/books", &format!("title_contains={encoded}"));
        for event in [first, second] {
            let response = books.send_event(&event.to_string()).await.unwrap();
            assert_eq!(
                (response.status, &response.json()["total"]),
                (200, &json!(1)),
                "{value}: {}",
                response.text()
            );
        }
    }
    let mut control = rest_api_event("GET", "/books", "");
    control["multiValueQueryStringParameters"] = json!({"title_contains": ["\u{0}"]});
    assert_problem(&books.send_event(&control.to_string()).await.unwrap(), 422);
}

#[tokio::test]
async fn an_invalid_event_for_a_token_endpoint_gets_an_oauth_error() {
    let context = TestContext::new().await;
    let auth = crate::support::users::auth(&context);
    let mut broken = http_api_event("POST", "/auth/login", "");
    broken["isBase64Encoded"] = true.into();
    broken["body"] = "***".into();
    for event in [broken, http_api_event("POST", "/auth/login", &"\"".repeat(6000))] {
        let response = auth.send_event(&event.to_string()).await.unwrap();
        assert_eq!(assert_problem(&response, 400)["error"], "invalid_request");
        assert_eq!(response.header("cache-control"), Some("no-store"));
    }
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
    let books = Client::start::<books::App>(unavailable.env()).unwrap();
    assert_problem(&books.get("/books").send().await, 503);
    let book = json!({"title": "T", "author": "A"});
    assert_problem(&books.post("/books").bearer(&ada.access).json(&book).send().await, 503);
    let auth = Client::start::<auth::App>(unavailable.env()).unwrap();
    let response = crate::support::users::log_in(&auth, "ada", "x").await;
    assert_eq!(assert_problem(&response, 503)["error"], "temporarily_unavailable");
}
