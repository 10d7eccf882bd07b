//! Health, the description, and the docs.

use serde_json::json;
use testkit::{Client, Response, TestContext};

use crate::users::assert_problem;

#[tokio::test]
async fn health_touches_nothing() {
    let context = TestContext::new()
        .await
        .with("DATABASE_URL", "postgres://u:p@127.0.0.1:1/x")
        .with("REDIS_URL", "redis://127.0.0.1:1/");
    let system = Client::start::<system::App>(context.env()).unwrap();
    let answer = system.get("/health").send().await;
    assert_eq!((answer.status, answer.json()), (200, json!({"status": "ok"})));
    assert_problem(&system.get("/health/ready").send().await, 503);
}

#[tokio::test]
async fn readiness_says_that_the_stores_answer() {
    let context = TestContext::new().await;
    let system = Client::start::<system::App>(context.env()).unwrap();
    let answer = system.get("/health/ready").send().await;
    assert_eq!((answer.status, answer.json()), (200, json!({"postgres": "ok", "redis": "ok"})));
}

#[tokio::test]
async fn the_api_describes_itself() {
    let context = TestContext::new().await;
    let system = Client::start::<system::App>(context.env()).unwrap();
    let answer = system.get("/openapi.json").send().await;
    assert_eq!(answer.json()["info"]["title"], "Bookshelf");
}

/// The page's own URLs, as a browser resolves them: against what is left of the last `/` of where it is.
fn urls_of(page: &Response, path: &str) -> Vec<String> {
    let folder = path.rsplit_once('/').unwrap().0;
    let text = page.text();
    let urls = ["href=\"", "src=\""].into_iter().flat_map(|name| text.split(name).skip(1));
    let urls = urls.map(|rest| rest.split('"').next().unwrap()).filter(|url| !url.starts_with("data:"));
    urls.map(|url| format!("{folder}/{url}")).collect()
}

#[tokio::test]
async fn the_docs_and_their_files_are_served_under_a_policy_that_lets_nothing_else_in() {
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
        assert_eq!(urls.len(), 3, "{}", page.text());
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
async fn a_file_of_the_docs_comes_compressed_or_not_and_not_again_while_it_is_the_same() {
    let context = TestContext::new().await;
    let system = Client::start::<system::App>(context.env()).unwrap();
    let ask = |encoding: &'static str, tag: &str| {
        let request = system.get("/docs/swagger-ui-bundle.js").header("accept-encoding", encoding);
        request.header("if-none-match", tag).send()
    };
    let zipped = ask("gzip, br", "\"other\"").await;
    assert_eq!(
        (zipped.header("content-encoding"), zipped.header("vary")),
        (Some("gzip"), Some("accept-encoding"))
    );
    assert!(zipped.raw["isBase64Encoded"] == true && zipped.text().starts_with("H4sI"));
    let plain = ask("identity", "\"other\"").await;
    assert_eq!(plain.header("content-encoding"), None);
    assert!(plain.text().contains("SwaggerUIBundle") && plain.text().len() > 1_000_000);
    // A Lambda answer may have 6 MB.
    assert!(zipped.raw.to_string().len() < 600_000 && plain.raw.to_string().len() < 3_000_000);
    let [zipped_tag, plain_tag] = [&zipped, &plain].map(|answer| answer.header("etag").unwrap().to_owned());
    assert_ne!(zipped_tag, plain_tag, "other bytes have another tag");
    for (encoding, tag, status) in
        [("gzip", &zipped_tag, 304), ("gzip", &plain_tag, 200), ("identity", &plain_tag, 304)]
    {
        let answer = ask(encoding, tag).await;
        assert_eq!(answer.status, status, "{encoding} {tag}");
        assert_eq!(answer.header("cache-control"), Some("no-cache"));
    }
}

#[tokio::test]
async fn nothing_but_its_own_files_is_below_the_docs() {
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
