//! Events as API Gateway sends them, and as it never would.

use serde_json::{Value, json};
use testkit::{Client, Response, TestContext};

use crate::users::{assert_problem, books, sign_up};

#[tokio::test]
async fn a_path_that_tries_to_become_another_is_refused() {
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
        let answer = books.request("GET", path).send().await;
        assert!(matches!(answer.status, 400 | 404), "{path:?}: {}", answer.text());
        assert_problem(&answer, answer.status);
    }
}

#[tokio::test]
async fn a_decoded_mark_in_a_path_is_part_of_the_path() {
    let context = TestContext::new().await;
    let books = books(&context);
    for path in ["/books/1?page=2", "/books/1#x", "/books/1%2e"] {
        let event = v2("GET", path, "");
        let answer = books.send_event(&event.to_string()).await.unwrap();
        assert_problem(&answer, 422);
    }
}

#[tokio::test]
async fn a_body_may_come_in_base64_and_broken_base64_is_refused() {
    let context = TestContext::new().await;
    let (ada, books) = (sign_up(&context, "ada").await, books(&context));
    let post = || books.post("/books").bearer(&ada.access).header("content-type", "application/json");
    assert_eq!(post().bytes(br#"{"title":"T","author":"A"}"#).send().await.status, 201);
    assert_problem(&post().bytes(b"\xff\xfe").send().await, 400);
    let mut event = v2("POST", "/books", "");
    event["isBase64Encoded"] = true.into();
    event["body"] = "***".into();
    assert_problem(&books.send_event(&event.to_string()).await.unwrap(), 400);
}

#[tokio::test]
async fn rest_and_http_events_get_the_same_answer() {
    let context = TestContext::new().await;
    let books = books(&context);
    for (path, query) in [("/books", ""), ("/books", "page=0"), ("/books/7", ""), ("/nothing", "")] {
        let second = books.send_event(&v2("GET", path, query).to_string()).await.unwrap();
        let first = books.send_event(&v1("GET", path, query).to_string()).await.unwrap();
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
async fn a_stage_prefix_is_cut_off_where_it_is_configured() {
    let context = TestContext::new().await.with("STAGE_PREFIX", "/prod");
    let books = books(&context);
    for (path, status) in
        [("/prod/books", 200), ("/prod/books/", 200), ("/books", 200), ("/production/books", 404)]
    {
        assert_eq!(books.get(path).send().await.status, status, "{path}");
    }
}

#[tokio::test]
async fn an_event_with_pieces_missing_is_answered() {
    let context = TestContext::new().await;
    let books = books(&context);
    let complete = v2("GET", "/books", "");
    for piece in ["rawPath", "rawQueryString", "headers", "isBase64Encoded", "version", "routeKey"] {
        let mut event = complete.clone();
        event.as_object_mut().unwrap().remove(piece);
        let answer = books.send_event(&event.to_string()).await.unwrap();
        assert!(matches!(answer.status, 200 | 404), "without {piece}: {}", answer.text());
    }
    let mut odd_host = complete.clone();
    odd_host["headers"] = json!({"host": "a b/../{}", "x-forwarded-proto": ":::"});
    assert_eq!(books.send_event(&odd_host.to_string()).await.unwrap().status, 200);
}

#[tokio::test]
async fn an_event_of_another_service_is_a_clean_error() {
    let context = TestContext::new().await;
    let books = books(&context);
    for event in ["{}", "null", "[]", "\"text\"", r#"{"Records":[{"eventSource":"aws:sqs"}]}"#, "not json"] {
        assert!(books.send_event(event).await.is_err(), "{event}");
    }
    assert_eq!(books.get("/books").send().await.status, 200, "and the next event is served");
}

#[tokio::test]
async fn head_and_options_are_answered() {
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
async fn a_null_is_as_good_as_absent() {
    let context = TestContext::new().await;
    let books = books(&context);
    for pointer in [
        "/isBase64Encoded",
        "/headers/accept",
        "/requestContext/timeEpoch",
        "/requestContext/http/userAgent",
        "/body",
    ] {
        let mut event = v2("GET", "/books", "");
        event["headers"]["accept"] = "*/*".into();
        event["body"] = "".into();
        *event.pointer_mut(pointer).unwrap() = Value::Null;
        let answer = books.send_event(&event.to_string()).await.unwrap();
        assert_eq!(answer.status, 200, "{pointer}: {}", answer.text());
    }
}

#[tokio::test]
async fn a_query_that_is_far_too_long_is_refused_in_every_format() {
    let context = TestContext::new().await;
    let books = books(&context);
    let long = format!("title_contains={}", "x".repeat(70_000));
    for event in [v1("GET", "/books", &long), v2("GET", "/books", &long)] {
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
        let mut first = v1("GET", "/books", "");
        first["queryStringParameters"] = json!({"title_contains": value});
        first["multiValueQueryStringParameters"] = json!({"title_contains": [value]});
        let second = v2("GET", "/books", &format!("title_contains={encoded}"));
        for event in [first, second] {
            let answer = books.send_event(&event.to_string()).await.unwrap();
            assert_eq!(
                (answer.status, &answer.json()["total"]),
                (200, &json!(1)),
                "{value}: {}",
                answer.text()
            );
        }
    }
    let mut control = v1("GET", "/books", "");
    control["multiValueQueryStringParameters"] = json!({"title_contains": ["\u{0}"]});
    assert_problem(&books.send_event(&control.to_string()).await.unwrap(), 422);
}

#[tokio::test]
async fn a_refused_event_for_a_token_endpoint_is_refused_as_oauth_clients_expect() {
    let context = TestContext::new().await;
    let auth = crate::users::auth(&context);
    let mut broken = v2("POST", "/auth/login", "");
    broken["isBase64Encoded"] = true.into();
    broken["body"] = "***".into();
    for event in [broken, v2("POST", "/auth/login", &"\"".repeat(6000))] {
        let answer = auth.send_event(&event.to_string()).await.unwrap();
        assert_eq!(assert_problem(&answer, 400)["error"], "invalid_request");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
}

#[tokio::test]
async fn a_route_without_a_quota_does_not_serve_a_refused_event() {
    let context = TestContext::new().await;
    let system = Client::start::<system::App>(context.env()).unwrap();
    assert_eq!(system.send_event(&v2("GET", "/health", "").to_string()).await.unwrap().status, 200);
    let broken = |mut event: Value| {
        event["isBase64Encoded"] = true.into();
        event["body"] = "***".into();
        event
    };
    let long = format!("a={}", "x".repeat(70_000));
    for event in [
        broken(v2("GET", "/health", "")),
        broken(v2("HEAD", "/health", "")),
        broken(v1("GET", "/health", "")),
        v2("GET", "/health", &long),
        v1("GET", "/health", &long),
    ] {
        assert_problem_or_head(&system.send_event(&event.to_string()).await.unwrap());
    }
    for path in ["/health/../health", "/health\\", "/health\0", "health"] {
        let answer = system.send_event(&v2("GET", path, "").to_string()).await.unwrap();
        assert_problem(&answer, 404);
    }
}

/// A 400, with a problem as its body unless `HEAD` asked.
fn assert_problem_or_head(answer: &Response) {
    assert_eq!(answer.status, 400, "{}", answer.text());
    if !answer.text().is_empty() {
        assert_problem(answer, 400);
    }
}

#[tokio::test]
async fn a_store_that_is_away_is_a_503_and_never_a_401() {
    let context = TestContext::new().await;
    let ada = sign_up(&context, "ada").await;
    let away = context
        .with("DATABASE_URL", "postgres://u:p@127.0.0.1:1/x")
        .with("REDIS_URL", "redis://127.0.0.1:1/");
    let books = Client::start::<books::App>(away.env()).unwrap();
    assert_problem(&books.get("/books").send().await, 503);
    let book = json!({"title": "T", "author": "A"});
    assert_problem(&books.post("/books").bearer(&ada.access).json(&book).send().await, 503);
    let auth = Client::start::<auth::App>(away.env()).unwrap();
    let answer = crate::users::log_in(&auth, "ada", "x").await;
    assert_eq!(assert_problem(&answer, 503)["error"], "temporarily_unavailable");
}

pub(crate) fn v2(method: &str, path: &str, query: &str) -> Value {
    json!({
        "version": "2.0", "routeKey": "$default", "rawPath": path, "rawQueryString": query,
        "headers": {"host": "api.example"},
        "requestContext": {
            "accountId": "123456789012", "apiId": "id", "stage": "$default", "requestId": "r", "timeEpoch": 1,
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "t"},
        },
        "isBase64Encoded": false,
    })
}

pub(crate) fn v1(method: &str, path: &str, query: &str) -> Value {
    let pairs: Vec<_> = query.split('&').filter_map(|pair| pair.split_once('=')).collect();
    let single: Value = pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), json!(value)))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let multiple: Value = pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), json!([value])))
        .collect::<serde_json::Map<_, _>>()
        .into();
    json!({
        "resource": "/{proxy+}", "path": path, "httpMethod": method,
        "headers": {"Host": "api.example"}, "multiValueHeaders": {"Host": ["api.example"]},
        "queryStringParameters": single, "multiValueQueryStringParameters": multiple,
        "pathParameters": null, "stageVariables": null,
        "requestContext": {
            "accountId": "123456789012", "apiId": "id", "stage": "prod", "requestId": "r", "httpMethod": method,
            "path": format!("/prod{path}"), "protocol": "HTTP/1.1", "resourcePath": "/{proxy+}", "requestTimeEpoch": 1,
            "identity": {"sourceIp": "192.0.2.1", "userAgent": "t"},
        },
        "body": null, "isBase64Encoded": false,
    })
}
