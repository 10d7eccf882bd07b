//! What books answer to a caller that has no account.

use acceptance::report::Report;
use acceptance::request::Request;
use acceptance::run::Run;
use acceptance::verdict::{Checked, PASSED, ensure};
use serde_json::json;

use super::millis;

/// How many lists are timed.
const TIMED: usize = 20;

pub(crate) async fn check(run: &Run, report: &mut Report) {
    report.check("books: a list is there, with a final slash too", list(run)).await;
    report.check("errors: 401 for a write without a token", unauthenticated(run)).await;
    report.check("errors: 404 for no such book", not_found(run)).await;
    report.check("errors: 422 names every parameter", invalid_parameters(run)).await;
    report.check("cache: a repeated list is the same", repeated(run)).await;
    report.check("cache: an unchanged list is not sent again", not_modified(run)).await;
    report.check("cache: median time of a cached list", latency(run)).await;
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

async fn repeated(run: &Run) -> Checked {
    let first = run.client.send(&Request::get(empty_list(run))).await?;
    let tag = first.expect(200)?.need_header("etag")?;
    for _ in 0..2 {
        let again = run.client.send(&Request::get(empty_list(run))).await?;
        again.expect(200)?.expect_header("etag", tag)?.ensure(again.body == first.body, "the same body")?;
    }
    PASSED
}

async fn not_modified(run: &Run) -> Checked {
    let list = run.client.send(&Request::get(empty_list(run))).await?;
    let tag = list.expect(200)?.need_header("etag")?;
    let again = run.client.send(&Request::get(empty_list(run)).header("if-none-match", tag)).await?;
    again.expect(304)?.expect_header("etag", tag)?.ensure(again.body.is_empty(), "no body")?;
    PASSED
}

/// Told, not judged: it depends on the way from here to the API.
async fn latency(run: &Run) -> Checked {
    let mut times = Vec::new();
    for _ in 0..TIMED {
        let response = run.client.send(&Request::get(empty_list(run))).await?;
        response.expect(200)?;
        times.push(response.elapsed);
    }
    times.sort_unstable();
    let [fastest, median, slowest] = [0, TIMED / 2, TIMED - 1].map(|at| millis(times[at]));
    Ok(format!("{median} ms of {TIMED}, from {fastest} to {slowest} ms; told, not judged"))
}

/// The target of a list that nobody's writes change.
fn empty_list(run: &Run) -> String {
    format!("/books?author={}&page_size=10", run.name)
}
