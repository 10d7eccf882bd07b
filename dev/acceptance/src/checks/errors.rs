//! Requests that are refused, and the headers that belong to every response.

use acceptance::request::Request;
use acceptance::run::Run;
use acceptance::verdict::{Checked, PASSED};

pub(crate) async fn not_found(run: &Run) -> Checked {
    run.client.send(&Request::get("/docs/no-such-file")).await?.expect_problem(404)?;
    PASSED
}

pub(crate) async fn wrong_method(run: &Run) -> Checked {
    let response = run.client.send(&Request::delete("/openapi.json")).await?;
    response.expect_problem(405)?;
    let allow = response.need_header("allow")?;
    let is_whole = ["GET", "HEAD"].iter().all(|method| allow.contains(method));
    response.ensure(is_whole && !allow.contains("DELETE"), "Allow with GET and HEAD")?;
    let head = run.client.send(&Request::new("HEAD", "/openapi.json")).await?;
    head.expect(200)?.ensure(head.body.is_empty(), "no body for HEAD")?;
    PASSED
}

/// On successes, errors and files alike.
pub(crate) async fn security_headers(run: &Run) -> Checked {
    for target in [
        // part of books
        "/books?page_size=1",
        "/books/0",
        // end of part
        // part of auth
        "/auth/me",
        // end of part
        "/health",
        "/health/ready",
        "/openapi.json",
        "/docs",
        "/docs/no-such-file",
    ] {
        let response = run.client.send(&Request::get(target)).await?;
        response.expect_header("x-content-type-options", "nosniff")?;
    }
    PASSED
}
