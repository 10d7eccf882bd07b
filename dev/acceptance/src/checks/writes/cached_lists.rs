//! Lists of the run's books, which are cached, and follow every write nevertheless.

use acceptance::report::millis;
use acceptance::request::Request;
use acceptance::response::Response;
use acceptance::verdict::{Checked, NotPassed, PASSED, ensure};
use serde_json::json;

use super::writer::Writer;

/// How many lists are timed.
const TIMED: usize = 20;
/// How many writes are each followed by a list.
const WRITES: usize = 5;

pub(crate) async fn repeated(writer: &Writer<'_>) -> Checked {
    writer.book()?;
    let first = list(writer).await?;
    let tag = first.expect(200)?.need_header("etag")?;
    for _ in 0..2 {
        let again = list(writer).await?;
        again.expect(200)?.expect_header("etag", tag)?.ensure(again.body == first.body, "the same body")?;
    }
    PASSED
}

pub(crate) async fn not_modified(writer: &Writer<'_>) -> Checked {
    writer.book()?;
    let first = list(writer).await?;
    let tag = first.expect(200)?.need_header("etag")?;
    let request = Request::get(writer.own_list()).header("if-none-match", tag);
    let again = writer.run.client.send(&request).await?;
    again.expect(304)?.expect_header("etag", tag)?.ensure(again.body.is_empty(), "no body")?;
    PASSED
}

/// A list is cached, a book is changed, and the next list shows it, each time.
pub(crate) async fn fresh(writer: &Writer<'_>) -> Checked {
    let (id, access) = (writer.book()?, writer.account.access()?);
    for number in 1..=WRITES {
        list(writer).await?.expect(200)?;
        let text = format!("as of write {number}");
        let change = Request::put(format!("/books/{id}")).bearer(access).json(&json!({"description": text}));
        writer.run.client.send(&change).await?.expect(200)?;
        let list = list(writer).await?;
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
pub(crate) async fn latency(writer: &Writer<'_>) -> Checked {
    writer.book()?;
    let mut times = Vec::new();
    for _ in 0..TIMED {
        let response = list(writer).await?;
        response.expect(200)?;
        times.push(response.elapsed);
    }
    times.sort_unstable();
    let [fastest, median, slowest] = [0, TIMED / 2, TIMED - 1].map(|at| millis(times[at]));
    Ok(format!("{median} ms of {TIMED}, from {fastest} to {slowest} ms; told, not judged"))
}

/// The list that holds the run's books alone.
async fn list(writer: &Writer<'_>) -> Result<Response, NotPassed> {
    writer.run.client.send(&Request::get(writer.own_list())).await
}
