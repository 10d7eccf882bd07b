//! Requests that are refused, and the headers that belong to every response.

use serde_json::json;

use crate::request::Request;
use crate::run::Run;
use crate::verdict::{Checked, PASSED};

pub(crate) async fn unauthenticated(run: &Run) -> Checked {
    let response =
        run.client.send(&Request::post("/books").json(&json!({"title": "T", "author": "A"}))).await?;
    response.expect_problem(401)?;
    let challenge = response.need_header("www-authenticate")?;
    response.ensure(
        challenge.starts_with("Bearer") && !challenge.contains("error="),
        "a challenge without an error",
    )?;
    PASSED
}

pub(crate) async fn forbidden(run: &Run) -> Checked {
    let access = run.account.access()?;
    for request in [Request::delete(format!("/books/{}", run.book()?)), Request::get("/auth/admin-only")] {
        let response = run.client.send(&request.bearer(access)).await?;
        response.expect_problem(403)?;
        let challenge = response.need_header("www-authenticate")?;
        response.ensure(
            challenge.contains("error=\"insufficient_scope\""),
            "a challenge with insufficient_scope",
        )?;
    }
    PASSED
}

pub(crate) async fn not_found(run: &Run) -> Checked {
    run.client.send(&Request::get("/books/9223372036854775807")).await?.expect_problem(404)?;
    PASSED
}

pub(crate) async fn wrong_method(run: &Run) -> Checked {
    let response = run.client.send(&Request::new("PATCH", "/books")).await?;
    response.expect_problem(405)?;
    let allow = response.need_header("allow")?;
    let is_whole = ["GET", "HEAD", "POST"].iter().all(|method| allow.contains(method));
    response.ensure(is_whole && !allow.contains("PATCH"), "Allow with GET, HEAD and POST")?;
    let head = run.client.send(&Request::new("HEAD", "/books?page_size=1")).await?;
    head.expect(200)?.ensure(head.body.is_empty(), "no body for HEAD")?;
    PASSED
}

pub(crate) async fn bodies(run: &Run) -> Checked {
    let access = run.account.access()?;
    for (content_type, body, status) in [
        ("text/plain", "{}", 415),
        ("application/json", "{", 400),
        ("application/json", r#"{"title":"T","title":"T","author":"A"}"#, 400),
    ] {
        let request = Request::post("/books").bearer(access).body(content_type, body);
        run.client.send(&request).await?.expect_problem(status)?;
    }
    PASSED
}

pub(crate) async fn invalid_fields(run: &Run) -> Checked {
    let query = run.client.send(&Request::get("/books?page=0&colour=red")).await?;
    query.expect_invalid(&["page", "colour"])?;
    let book = json!({"title": "", "year": 3000, "colour": "red"});
    let request = Request::post("/books").bearer(run.account.access()?).json(&book);
    let response = run.client.send(&request).await?;
    response.expect_problem(422)?;
    let problem = response.json();
    let named = ["title", "author", "year", "colour"].iter().all(|field| {
        problem["errors"].as_array().is_some_and(|errors| errors.iter().any(|error| error["field"] == *field))
    });
    response.ensure(named, "errors of title, author, year and colour")?;
    PASSED
}

/// On successes, errors and files alike.
pub(crate) async fn security_headers(run: &Run) -> Checked {
    let targets = ["/books?page_size=1", "/books/0", "/auth/me", "/health", "/openapi.json", "/docs"];
    for target in targets {
        let response = run.client.send(&Request::get(target)).await?;
        response.expect_header("x-content-type-options", "nosniff")?;
        if target.starts_with("/auth") {
            response.expect_header("cache-control", "no-store")?;
        }
    }
    PASSED
}
