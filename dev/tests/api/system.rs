//! The function `system`: health, the `OpenAPI` description, and the documentation page.

use serde_json::json;
use testkit::{Client, Response, TestContext};

use crate::support::redis_keys::connection;
use crate::support::responses::assert_problem;

#[tokio::test]
async fn health_is_ok_without_any_store() {
    let context = TestContext::new()
        .await
        .with("DATABASE_URL", "postgres://u:p@127.0.0.1:1/x")
        .with("REDIS_URL", "redis://127.0.0.1:1/");
    let system = Client::start::<system::App>(context.env()).unwrap();
    let response = system.get("/health").send().await;
    assert_eq!((response.status, response.json()), (200, json!({"status": "ok"})));
    assert_problem(&system.get("/health/ready").send().await, 503);
}

#[tokio::test]
async fn readiness_reports_that_the_stores_respond() {
    let context = TestContext::new().await;
    let system = Client::start::<system::App>(context.env()).unwrap();
    let response = system.get("/health/ready").send().await;
    assert_eq!((response.status, response.json()), (200, json!({"postgres": "ok", "redis": "ok"})));
}

#[tokio::test]
async fn readiness_asks_of_the_stores_what_requests_ask() {
    let context = TestContext::new().await;
    let user = format!("{}ready", context.variable("REDIS_KEY_PREFIX").trim_end_matches(':'));
    let host = context.variable("REDIS_URL").rsplit('@').next().unwrap();
    let url = format!("redis://{user}:password@{host}");
    let mut redis = connection(&context).await;
    for (rights, status) in
        [("+@connection +@read +@write +eval +evalsha", 200), ("+@connection +@read", 503)]
    {
        let mut command = redis::cmd("ACL");
        command
            .arg("SETUSER")
            .arg(&user)
            .arg(&["reset", "on", ">password", "~*"])
            .arg(rights.split(' ').collect::<Vec<_>>());
        command.exec_async(&mut redis).await.unwrap();
        let system = Client::start::<system::App>(context.clone().with("REDIS_URL", &url).env()).unwrap();
        assert_eq!(system.get("/health/ready").send().await.status, status, "{rights}");
    }

    let database = context.database().await;
    let name: String = database.query_one("select current_database()", &[]).await.unwrap().get(0);
    let read_only = format!("alter database {name} set default_transaction_read_only = on");
    database.batch_execute(&read_only).await.unwrap();
    let system = Client::start::<system::App>(context.env()).unwrap();
    assert_problem(&system.get("/health/ready").send().await, 503);
}

#[tokio::test]
async fn the_openapi_description_is_served() {
    let context = TestContext::new().await;
    let system = Client::start::<system::App>(context.env()).unwrap();
    let response = system.get("/openapi.json").send().await;
    assert_eq!(response.json()["info"]["title"], "Bookshelf");
}

/// The URLs in a page, resolved as a browser does: against its path up to the last `/`.
fn urls_of(page: &Response, path: &str) -> Vec<String> {
    let folder = path.rsplit_once('/').unwrap().0;
    let text = page.text();
    let urls = ["href=\"", "src=\""].into_iter().flat_map(|name| text.split(name).skip(1));
    let urls = urls.map(|rest| rest.split('"').next().unwrap()).filter(|url| !url.starts_with("data:"));
    urls.map(|url| format!("{folder}/{url}")).collect()
}

#[tokio::test]
async fn the_docs_and_their_files_have_a_content_security_policy_that_allows_nothing_else() {
    let context = TestContext::new().await.with("STAGE_PREFIX", "/prod");
    let system = Client::start::<system::App>(context.env()).unwrap();
    for path in ["/docs", "/docs/", "/prod/docs", "/prod/docs/"] {
        let page = system.get(path).send().await;
        assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
        let policy = page.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"), "{policy}");
        assert!(
            !policy.contains("unsafe") && !page.text().contains("<style") && !page.text().contains("://")
        );
        let urls = urls_of(&page, path);
        assert_eq!(urls.len(), 4, "{}", page.text());
        for url in urls {
            let file = system.get(&url).send().await;
            assert_eq!(file.status, 200, "{path} names {url}");
            let kind = if url.contains(".css") { "text/css" } else { "text/javascript" };
            assert!(file.header("content-type").unwrap().starts_with(kind), "{url}");
            assert_eq!(file.header("x-content-type-options"), Some("nosniff"));
        }
    }
}

#[tokio::test]
async fn a_file_of_the_docs_is_compressed_on_request_and_not_sent_again_while_unchanged() {
    let context = TestContext::new().await;
    let system = Client::start::<system::App>(context.env()).unwrap();
    let get = |encoding: &'static str, tag: &str| {
        let request = system.get("/docs/swagger-ui-bundle.js").header("accept-encoding", encoding);
        request.header("if-none-match", tag).send()
    };
    let compressed = get("gzip, br", "\"other\"").await;
    assert_eq!(
        (compressed.header("content-encoding"), compressed.header("vary")),
        (Some("gzip"), Some("accept-encoding"))
    );
    assert!(compressed.raw["isBase64Encoded"] == true && compressed.text().starts_with("H4sI"));
    let plain = get("identity", "\"other\"").await;
    assert_eq!(plain.header("content-encoding"), None);
    assert!(plain.text().contains("SwaggerUIBundle") && plain.text().len() > 1_000_000);
    // A response of Lambda may have 6 MB.
    assert!(compressed.raw.to_string().len() < 600_000 && plain.raw.to_string().len() < 3_000_000);
    let [compressed_tag, plain_tag] =
        [&compressed, &plain].map(|response| response.header("etag").unwrap().to_owned());
    assert_ne!(compressed_tag, plain_tag, "other bytes have another tag");
    for (encoding, tag, status) in
        [("gzip", &compressed_tag, 304), ("gzip", &plain_tag, 200), ("identity", &plain_tag, 304)]
    {
        let response = get(encoding, tag).await;
        assert_eq!(response.status, status, "{encoding} {tag}");
        assert_eq!(response.header("cache-control"), Some("no-cache"));
    }
}

#[tokio::test]
async fn only_the_files_of_the_docs_are_served_below_them() {
    let context = TestContext::new().await;
    let system = Client::start::<system::App>(context.env()).unwrap();
    for path in [
        "/docs/x",
        "/docs/START.JS",
        "/docs/../openapi.json",
        "/docs/docs/start.js",
        "/docs/..",
        "/docs//start.js",
        "/docs/..\\start.js",
        "/docs/start.js\0",
    ] {
        assert_problem(&system.get(path).send().await, 404);
    }
    assert_problem(&system.post("/docs/start.js").send().await, 405);
}
