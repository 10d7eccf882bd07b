//! Writes with an idempotency key.

use acceptance::request::Request;
use acceptance::response::Response;
use acceptance::run::Run;
use acceptance::verdict::{Checked, NotPassed, PASSED, ensure};
use serde_json::json;

use super::Writer;
use super::items::ids;

/// Tells that a response was stored before.
const REPLAYED: &str = "idempotency-replayed";

pub(crate) async fn twice(writer: &mut Writer<'_>) -> Checked {
    let title = format!("{}, created twice", writer.run.name);
    let request = creation(writer, &title, &Run::new_key())?;
    let first = writer.run.client.send(&request).await?;
    first.expect(201)?.ensure(first.header(REPLAYED).is_none(), "no replay of the first request")?;
    let again = writer.run.client.send(&request).await?;
    again.expect(201)?.expect_header(REPLAYED, "true")?;
    let location = first.need_header("location")?;
    again
        .expect_header("location", location)?
        .ensure(again.body == first.body, "the body of the first response")?;
    expect_one_book(writer, &title).await
}

pub(crate) async fn other_body(writer: &mut Writer<'_>) -> Checked {
    let key = Run::new_key();
    let title = format!("{}, with a key", writer.run.name);
    writer.run.client.send(&creation(writer, &title, &key)?).await?.expect(201)?;
    let other = format!("{}, with the same key", writer.run.name);
    writer.run.client.send(&creation(writer, &other, &key)?).await?.expect_problem(422)?;
    expect_one_book(writer, &title).await
}

/// Each gets the book, or is told that the other one is still running and gets it afterwards.
pub(crate) async fn twins(writer: &mut Writer<'_>) -> Checked {
    let title = format!("{}, created at once", writer.run.name);
    let request = creation(writer, &title, &Run::new_key())?;
    let (one, other) = tokio::join!(writer.run.client.send(&request), writer.run.client.send(&request));
    let mut bodies = Vec::new();
    for response in [one?, other?] {
        let response = if response.status == 409 {
            wait_and_repeat(writer, &request, response).await?
        } else {
            response
        };
        bodies.push(response.expect(201)?.body.clone());
    }
    ensure(bodies[0] == bodies[1], || format!("expected the same book twice, got {bodies:?}"))?;
    expect_one_book(writer, &title).await
}

async fn wait_and_repeat(
    writer: &Writer<'_>,
    request: &Request,
    running: Response,
) -> Result<Response, NotPassed> {
    running.expect_problem(409)?.need_header("retry-after")?;
    writer.run.client.wait(running.retry_after().unwrap_or_default()).await;
    writer.run.client.send(request).await
}

fn creation(writer: &Writer<'_>, title: &str, key: &str) -> Result<Request, NotPassed> {
    let book = json!({"title": title, "author": writer.run.name});
    Ok(Request::post("/books").bearer(writer.account.access()?).json(&book).header("idempotency-key", key))
}

/// Also remembers the books, to delete them.
async fn expect_one_book(writer: &mut Writer<'_>, title: &str) -> Checked {
    let title = title.replace(' ', "+").replace(',', "%2C");
    let list = writer.run.client.send(&Request::get(format!("/books?title_contains={title}"))).await?;
    let found: Vec<_> = ids(&list.expect(200)?.json()).collect();
    writer.books.extend(&found);
    ensure(found.len() == 1, || format!("expected one book, got {found:?}"))?;
    PASSED
}
