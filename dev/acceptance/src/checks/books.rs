//! What books answer to a caller that has no account.

use acceptance::report::Report;
use acceptance::request::Request;
use acceptance::run::Run;
use acceptance::verdict::{Checked, PASSED, ensure};
use serde_json::json;

pub(crate) async fn check(run: &Run, report: &mut Report) {
    report.check("books: a list is there, with a final slash too", list(run)).await;
    report.check("errors: 401 for a write without a token", unauthenticated(run)).await;
    report.check("errors: 404 for no such book", not_found(run)).await;
    report.check("errors: 405 for a method that books lack", wrong_method(run)).await;
    report.check("errors: 422 names every parameter", invalid_parameters(run)).await;
}

async fn list(run: &Run) -> Checked {
    let list = run.client.send(&Request::get("/books?page_size=1")).await?;
    let same = run.client.send(&Request::get("/books/?page_size=1")).await?;
    ensure((list.status, same.status) == (200, 200), || {
        format!("expected 200 for /books and for /books/, got {} and {}", list.status, same.status)
    })?;
    PASSED
}

async fn unauthenticated(run: &Run) -> Checked {
    let request = Request::post("/books").json(&json!({"title": "T", "author": "A"}));
    run.client.send(&request).await?.expect_unauthenticated()?;
    PASSED
}

async fn not_found(run: &Run) -> Checked {
    run.client.send(&Request::get("/books/9223372036854775807")).await?.expect_problem(404)?;
    PASSED
}

async fn invalid_parameters(run: &Run) -> Checked {
    let response = run.client.send(&Request::get("/books?page=0&colour=red")).await?;
    response.expect_invalid(&["page", "colour"])?;
    PASSED
}

async fn wrong_method(run: &Run) -> Checked {
    let response = run.client.send(&Request::new("PATCH", "/books")).await?;
    response.expect_problem(405)?;
    let allow = response.need_header("allow")?;
    let is_whole = ["GET", "HEAD", "POST"].iter().all(|method| allow.contains(method));
    response.ensure(is_whole && !allow.contains("PATCH"), "Allow with GET, HEAD and POST")?;
    let head = run.client.send(&Request::new("HEAD", "/books?page_size=1")).await?;
    head.expect(200)?.ensure(head.body.is_empty(), "no body for HEAD")?;
    PASSED
}
