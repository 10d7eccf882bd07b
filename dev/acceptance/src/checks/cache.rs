//! The cache of lists.

use std::time::Duration;

use serde_json::json;

use crate::request::Request;
use crate::run::Run;
use crate::verdict::{Checked, PASSED, ensure};

/// How many lists are timed.
const TIMED: usize = 20;
/// How many writes are each followed by a list.
const WRITES: usize = 5;

pub(crate) async fn repeated(run: &Run) -> Checked {
    let first = run.client.send(&Request::get(run.own_list())).await?;
    let tag = first.expect(200)?.need_header("etag")?;
    for _ in 0..2 {
        let again = run.client.send(&Request::get(run.own_list())).await?;
        again.expect(200)?.expect_header("etag", tag)?.ensure(again.body == first.body, "the same body")?;
    }
    PASSED
}

pub(crate) async fn not_modified(run: &Run) -> Checked {
    let list = run.client.send(&Request::get(run.own_list())).await?;
    let tag = list.expect(200)?.need_header("etag")?;
    let again = run.client.send(&Request::get(run.own_list()).header("if-none-match", tag)).await?;
    again.expect(304)?.expect_header("etag", tag)?.ensure(again.body.is_empty(), "no body")?;
    PASSED
}

/// A list is cached, a book is changed, and the next list shows it, each time.
pub(crate) async fn fresh(run: &Run) -> Checked {
    let (id, access) = (run.book()?, run.account.access()?);
    for number in 1..=WRITES {
        run.client.send(&Request::get(run.own_list())).await?.expect(200)?;
        let text = format!("as of write {number}");
        let change = Request::put(format!("/books/{id}")).bearer(access).json(&json!({"description": text}));
        run.client.send(&change).await?.expect(200)?;
        let list = run.client.send(&Request::get(run.own_list())).await?;
        let page = list.expect(200)?.json();
        let items = page["items"].as_array().map(Vec::as_slice).unwrap_or_default();
        let listed = items.iter().find(|item| item["id"] == id);
        let listed = listed.map_or("no such book".to_owned(), |item| item["description"].to_string());
        ensure(listed == format!("\"{text}\""), || {
            format!("{}: expected the description {text:?}, got {listed}", list.request)
        })?;
    }
    PASSED
}

/// Told, not judged: it depends on the way from here to the API.
pub(crate) async fn latency(run: &Run) -> Checked {
    let mut times = Vec::new();
    for _ in 0..TIMED {
        let response = run.client.send(&Request::get(run.own_list())).await?;
        response.expect(200)?;
        times.push(response.elapsed);
    }
    times.sort_unstable();
    let [fastest, median, slowest] = [0, TIMED / 2, TIMED - 1].map(|at| millis(times[at]));
    Ok(format!("{median} ms of {TIMED}, from {fastest} to {slowest} ms; told, not judged"))
}

/// Milliseconds with one decimal.
pub(crate) fn millis(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1e3)
}
