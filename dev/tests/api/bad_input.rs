//! Bad input to every route: the response is always a problem of status 4xx, and nothing is written.
//!
//! The routes come from the `OpenAPI` descriptions of the functions, so that a new route is tested as well.

use testkit::functions::describe_all;
use testkit::users::{sign_up, sign_up_as};
use testkit::{Response, TestContext};

use crate::support::clients::{client, probe};
use crate::support::responses::assert_problem;

/// One operation of the API, from its `OpenAPI` description.
struct Operation {
    method: String,
    path: String,
    needs_token: bool,
    takes_json: bool,
    takes_form: bool,
}

fn operations(context: &TestContext) -> Vec<(&'static str, Operation)> {
    let mut operations = Vec::new();
    for function in describe_all(|| context.env()).unwrap() {
        let document = serde_json::to_value(&function.openapi).unwrap();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                let media_types = &operation["requestBody"]["content"];
                let operation = Operation {
                    method: method.to_uppercase(),
                    path: path.replace("{id}", "1"),
                    needs_token: !operation["security"].is_null(),
                    takes_json: !media_types["application/json"].is_null(),
                    takes_form: !media_types["application/x-www-form-urlencoded"].is_null(),
                };
                operations.push((function.name, operation));
            }
        }
    }
    operations
}

/// Bodies with their content type, and the status that a route for JSON must give if only one is right.
fn broken_bodies() -> Vec<(&'static str, Vec<u8>, Option<u16>)> {
    let deep = format!("{}1{}", "{\"a\":".repeat(10_000), "}".repeat(10_000));
    let large = format!("{{\"title\":\"{}\"}}", "x".repeat(65_536));
    let texts: [(&str, &[u8], Option<u16>); 19] = [
        ("application/json", b"", Some(400)),
        ("application/json", b"{", Some(400)),
        ("application/json", b"null", Some(400)),
        ("application/json", b"[]", Some(400)),
        ("application/json", b"\"text\"", Some(400)),
        ("application/json", b"{} {}", Some(400)),
        ("application/json", b"{\"title\":\"\xff\"}", Some(400)),
        ("application/json", br#"{"title":"\ud800"}"#, Some(400)),
        ("application/json", br#"{"title":"a","title":"b"}"#, Some(400)),
        ("application/json", br#"{"year":1e999}"#, Some(400)),
        ("application/json", deep.as_bytes(), Some(400)),
        ("application/json", large.as_bytes(), Some(413)),
        ("application/json", br#"{"unknown":1}"#, None),
        ("application/json", br#"{"__proto__":{},"title":{"$gt":""}}"#, None),
        ("application/json; charset=utf-16", b"{}", Some(415)),
        ("text/plain", b"{}", Some(415)),
        ("application/xml", b"<a/>", Some(415)),
        ("", b"{}", Some(415)),
        ("multipart/form-data; boundary=x", b"--x--", Some(415)),
    ];
    texts.into_iter().map(|(content_type, body, status)| (content_type, body.to_vec(), status)).collect()
}

fn assert_refused(response: &Response, context: &str) {
    assert!((400..500).contains(&response.status), "{context}: {} {}", response.status, response.text());
    assert_problem(response, response.status);
}

#[tokio::test]
async fn a_broken_body_is_refused_by_every_route_that_takes_one() {
    let context = TestContext::new().await.with_every_quota("1000/60");
    let root = sign_up_as(&context, "root", "admin").await;
    // part of books
    let book = "insert into books (title, author) values ('T', 'A')";
    context.database().await.batch_execute(book).await.unwrap();
    // end of part
    let before = context.snapshot().await;
    let bodies = broken_bodies();
    for (function, operation) in operations(&context) {
        if !operation.takes_json && !operation.takes_form {
            continue;
        }
        let client = client(&context, function);
        for (content_type, body, status) in &bodies {
            let context = format!(
                "{} {} {content_type} {:.40}",
                operation.method,
                operation.path,
                String::from_utf8_lossy(body)
            );
            let client = client.from_new_network();
            let mut request =
                client.request(&operation.method, &operation.path).bearer(&root.access).bytes(body);
            if !content_type.is_empty() {
                request = request.header("content-type", content_type);
            }
            let response = request.send().await;
            assert_refused(&response, &context);
            if let (Some(status), true) = (status, operation.takes_json) {
                assert_eq!(response.status, *status, "{context}");
            }
        }
        let zipped = client.from_new_network();
        let zipped = zipped.request(&operation.method, &operation.path).bearer(&root.access);
        let response = zipped
            .header("content-type", "application/json")
            .header("content-encoding", "gzip")
            .bytes(b"\x1f\x8b");
        assert_problem(&response.send().await, 415);
    }
    assert_eq!(context.snapshot().await, before);
}

#[tokio::test]
async fn a_broken_body_is_answered_with_the_line_and_the_column_of_the_mistake() {
    let context = TestContext::new().await;
    let (ada, probe) = (sign_up(&context, "ada").await, probe(&context));
    for (body, place) in [
        ("", "line 1, column 1"),
        ("{", "line 1, column 1"),
        (r#"{"title": secret}"#, "line 1, column 11"),
        ("{\n  \"title\": \"T\",\n  \"author\": secret\n}", "line 3, column 13"),
        // Columns are code points and not bytes, and a byte order mark is none.
        ("{\"title\": \"тайна\" secret}", "line 1, column 19"),
        ("\u{feff}{secret}", "line 1, column 2"),
        ("{}\n\n}", "line 3, column 1"),
    ] {
        let client = probe.from_new_network();
        let request = client.post("/probe/notes").bearer(&ada.access);
        let request = request.header("content-type", "application/json").bytes(body.as_bytes());
        let response = request.send().await;
        assert_problem(&response, 400);
        assert_eq!(response.json()["detail"], format!("The body is not valid JSON: see {place}."), "{body}");
    }
}

#[tokio::test]
async fn a_missing_or_broken_token_is_refused_before_anything_else_is_checked() {
    let context = TestContext::new().await;
    sign_up(&context, "ada").await;
    let before = context.snapshot().await;
    for (function, operation) in
        operations(&context).into_iter().filter(|(_, operation)| operation.needs_token)
    {
        let client = client(&context, function);
        for token in ["", "x", "a.b.c", "eyJhbGciOiJub25lIn0.e30.", &"x".repeat(9000)] {
            for path in [operation.path.clone(), operation.path.replace("/1", "/abc")] {
                let client = client.from_new_network();
                let request = client.request(&operation.method, &path).bearer(token).body("{broken");
                assert_problem(&request.send().await, 401);
            }
        }
        assert_problem(
            &client.from_new_network().request(&operation.method, &operation.path).send().await,
            401,
        );
    }
    assert_eq!(context.snapshot().await, before);
}

#[tokio::test]
async fn a_wrong_method_or_path_is_refused_by_every_function() {
    let context = TestContext::new().await;
    for (function, operation) in operations(&context) {
        let client = client(&context, function);
        for method in ["PATCH", "TRACE", "FOO"] {
            let response = client.from_new_network().request(method, &operation.path).send().await;
            assert_problem(&response, 405);
            let allowed = response.header("allow").unwrap();
            assert!(allowed.split(',').any(|method| method.trim() == operation.method), "{allowed}");
        }
        for path in ["/nothing", "/Books", "/auth", &format!("{}/more/more", operation.path)] {
            assert_problem(&client.from_new_network().get(path).send().await, 404);
        }
    }
}

#[tokio::test]
async fn an_unexpected_query_never_causes_a_server_error() {
    let context = TestContext::new().await;
    for (function, operation) in operations(&context) {
        let client = client(&context, function);
        for query in ["%", "%zz", "a=%00", "a=b&a=c", "&&==&", "a=\u{e9}", "'\"<>", &"x=1&".repeat(3000)] {
            let response = client
                .from_new_network()
                .request(&operation.method, &format!("{}?{query}", operation.path))
                .send()
                .await;
            assert!(
                response.status < 500,
                "{} {}?{query:.40}: {}",
                operation.method,
                operation.path,
                response.text()
            );
        }
    }
}

#[tokio::test]
async fn a_problem_lists_at_most_32_fields_and_says_how_many_more_there_are() {
    let context = TestContext::new().await;
    let (ada, probe) = (sign_up(&context, "ada").await, probe(&context));
    let long = format!("{}é", "n".repeat(500));
    let mut fields: serde_json::Map<_, _> = (0..5998).map(|n| (format!("f{n}"), 0.into())).collect();
    fields.insert(long.clone(), "the value".into());
    let body = serde_json::Value::from(fields);
    let query = (0..400).map(|n| format!("q{n}=1")).collect::<Vec<_>>().join("&");
    let twice = (0..40).map(|n| format!("q{n}=1&q{n}=1")).collect::<Vec<_>>().join("&");
    for (request, total) in [
        // The text is missing as well.
        (probe.post("/probe/notes").json(&body), 6000),
        (probe.get(&format!("/probe/notes?{query}")), 400),
        (probe.get(&format!("/probe/notes?{twice}")), 80),
    ] {
        let problem = assert_problem(&request.bearer(&ada.access).send().await, 422);
        assert_eq!(problem["errors"].as_array().unwrap().len(), 32, "{problem}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.ends_with(&format!("{} more are not listed.", total - 32)), "{detail}");
        assert!(problem.to_string().len() < 4096);
    }
    let body = serde_json::json!({"text": "T", long: "the value"});
    let problem =
        assert_problem(&probe.post("/probe/notes").bearer(&ada.access).json(&body).send().await, 422);
    assert_eq!(problem["detail"], "Some fields are not valid; see errors.");
    let field = problem["errors"][0]["field"].as_str().unwrap();
    assert_eq!(field, format!("{}…", "n".repeat(64)), "a name that a client made up is cut");
    assert!(!problem.to_string().contains("the value"));
}

#[tokio::test]
async fn what_standards_call_equal_is_equal() {
    let context = TestContext::new().await;
    let (ada, probe) = (sign_up(&context, "ada").await, probe(&context));
    let json = r#"{"text":"T"}"#;
    let form = "text=a+b";
    let post = |content_type: &str, content_encoding: Option<&str>, body: &str| {
        let (client, content_type) = (probe.from_new_network(), content_type.to_owned());
        let path = if body.contains("text=") { "/probe/echo" } else { "/probe/notes" };
        let (body, encoding) = (body.to_owned(), content_encoding.map(str::to_owned));
        let token = ada.access.clone();
        async move {
            let mut request = client.post(path).bearer(&token).header("content-type", &content_type);
            if let Some(encoding) = &encoding {
                request = request.header("content-encoding", encoding);
            }
            request.bytes(body.as_bytes()).send().await.status
        }
    };
    for charset in [
        "",
        ";",
        "; charset=utf-8",
        ";charset=UTF8",
        "; Charset=\"Utf-8\"",
        "; charset=utf8 ; x=y",
        "; x=\"a;b\"",
    ] {
        let (json_type, form_type) =
            (format!("Application/JSON{charset}"), format!("application/X-WWW-Form-Urlencoded{charset}"));
        assert_eq!(post(&json_type, None, json).await, 201, "{json_type}");
        assert_eq!(post(&form_type, None, form).await, 200, "{form_type}");
    }
    for charset in
        ["; charset=utf-16", "; charset=latin1", "; charset=\"utf-8\"; charset=utf-16", "; charset="]
    {
        assert_eq!(post(&format!("application/json{charset}"), None, json).await, 415, "{charset}");
    }
    for (encoding, status) in [
        ("Identity", 201),
        ("IDENTITY", 201),
        ("identity, Identity", 201),
        ("identity, gzip", 415),
        ("GZIP", 415),
    ] {
        assert_eq!(post("application/json", Some(encoding), json).await, status, "{encoding}");
    }
    assert_eq!(post("application/json", None, &format!("\u{feff}{json}")).await, 201);
    assert_eq!(post("application/json", None, &format!("\u{feff}\u{feff}{json}")).await, 400);
    let form_type = "application/x-www-form-urlencoded";
    assert_eq!(post(form_type, None, &format!("\u{feff}{form}")).await, 200);
}
