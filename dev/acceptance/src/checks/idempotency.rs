//! Writes with an idempotency key.

use serde_json::json;

use super::items::ids;
use crate::request::Request;
use crate::response::Response;
use crate::run::Run;
use crate::verdict::{Checked, NotPassed, PASSED, ensure};

/// Tells that a response was stored before.
const REPLAYED: &str = "idempotency-replayed";

pub(crate) async fn twice(run: &mut Run) -> Checked {
    let title = format!("{}, created twice", run.name);
    let request = creation(run, &title, &Run::new_key())?;
    let first = run.client.send(&request).await?;
    first.expect(201)?.ensure(first.header(REPLAYED).is_none(), "no replay of the first request")?;
    let again = run.client.send(&request).await?;
    again.expect(201)?.expect_header(REPLAYED, "true")?;
    let location = first.need_header("location")?;
    again
        .expect_header("location", location)?
        .ensure(again.body == first.body, "the body of the first response")?;
    expect_one_book(run, &title).await
}

pub(crate) async fn other_body(run: &mut Run) -> Checked {
    let key = Run::new_key();
    let title = format!("{}, with a key", run.name);
    run.client.send(&creation(run, &title, &key)?).await?.expect(201)?;
    let other = format!("{}, with the same key", run.name);
    run.client.send(&creation(run, &other, &key)?).await?.expect_problem(422)?;
    expect_one_book(run, &title).await
}

/// Each gets the book, or is told that the other one is still running and gets it afterwards.
pub(crate) async fn twins(run: &mut Run) -> Checked {
    let title = format!("{}, created at once", run.name);
    let request = creation(run, &title, &Run::new_key())?;
    let (one, other) = tokio::join!(run.client.send(&request), run.client.send(&request));
    let mut bodies = Vec::new();
    for response in [one?, other?] {
        let response =
            if response.status == 409 { wait_and_repeat(run, &request, response).await? } else { response };
        bodies.push(response.expect(201)?.body.clone());
    }
    ensure(bodies[0] == bodies[1], || format!("expected the same book twice, got {bodies:?}"))?;
    expect_one_book(run, &title).await
}

async fn wait_and_repeat(run: &Run, request: &Request, running: Response) -> Result<Response, NotPassed> {
    running.expect_problem(409)?.need_header("retry-after")?;
    run.client.wait(running.retry_after().unwrap_or_default()).await;
    run.client.send(request).await
}

fn creation(run: &Run, title: &str, key: &str) -> Result<Request, NotPassed> {
    let book = json!({"title": title, "author": run.name});
    Ok(Request::post("/books").bearer(run.account.access()?).json(&book).header("idempotency-key", key))
}

/// Also remembers the books, to delete them.
async fn expect_one_book(run: &mut Run, title: &str) -> Checked {
    let title = title.replace(' ', "+").replace(',', "%2C");
    let list = run.client.send(&Request::get(format!("/books?title_contains={title}"))).await?;
    let found: Vec<_> = ids(&list.expect(200)?.json()).collect();
    run.books.extend(&found);
    ensure(found.len() == 1, || format!("expected one book, got {found:?}"))?;
    PASSED
}
