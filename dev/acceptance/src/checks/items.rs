//! Single books, searches and pages.

use serde_json::{Value, json};

use crate::request::Request;
use crate::response::Response;
use crate::run::Run;
use crate::verdict::{Checked, NotPassed, PASSED, ensure};

pub(crate) async fn create(run: &mut Run) -> Checked {
    for number in ["first", "second"] {
        let book =
            json!({"title": format!("{}, the {number} book", run.name), "author": run.name, "year": 1969});
        let request = Request::post("/books").bearer(run.account.access()?).json(&book);
        let response = run.client.send(&request.header("idempotency-key", &Run::new_key())).await?;
        let created = response.expect(201)?.json();
        let id =
            created["id"].as_i64().ok_or_else(|| NotPassed::Failed("expected an id, got none".into()))?;
        run.books.push(id);
        let is_same = ["title", "author", "year"].iter().all(|field| created[field] == book[field]);
        response.ensure(is_same && created["description"].is_null(), "the book that was sent")?;
        let location = run.client.target_of(response.need_header("location")?);
        response.ensure(location == format!("/books/{id}"), "a Location that leads to the book")?;
    }
    PASSED
}

pub(crate) async fn read(run: &Run) -> Checked {
    let response = item(run).await?;
    response.expect(200)?.ensure(response.json()["id"] == run.book()?, "the book of this id")?;
    response.need_header("etag")?;
    let list = run.client.send(&Request::get("/books?page_size=1")).await?;
    let same = run.client.send(&Request::get("/books/?page_size=1")).await?;
    ensure((list.status, same.status) == (200, 200), || {
        format!("expected 200 for /books and for /books/, got {} and {}", list.status, same.status)
    })?;
    PASSED
}

pub(crate) async fn search(run: &Run) -> Checked {
    let id = run.book()?;
    let target = format!("/books?title_contains={}%2C+the+FIRST&sort_by=year%3Adesc%2Ctitle", run.name);
    let response = run.client.send(&Request::get(target)).await?;
    let page = response.expect(200)?.json();
    let ids: Vec<_> = ids(&page).collect();
    response.ensure(
        ids == [id]
            && (&page["page"], &page["page_size"], &page["total"]) == (&json!(1), &json!(10), &json!(1)),
        "a page with this book alone",
    )?;
    PASSED
}

pub(crate) async fn update(run: &Run) -> Checked {
    let before = item(run).await?;
    let tag = before.expect(200)?.need_header("etag")?;
    let response = put(run, tag, &json!({"description": "Winter, and an envoy."})).await?;
    let mut expected = before.json();
    expected["description"] = "Winter, and an envoy.".into();
    response
        .expect(200)?
        .ensure(response.json() == expected, "the book with its description alone changed")?;
    response.ensure(response.need_header("etag")? != tag, "another tag")?;
    PASSED
}

pub(crate) async fn not_modified(run: &Run) -> Checked {
    let response = item(run).await?;
    let tag = response.expect(200)?.need_header("etag")?;
    let request = Request::get(format!("/books/{}", run.book()?)).header("if-none-match", tag);
    let again = run.client.send(&request).await?;
    again.expect(304)?.expect_header("etag", tag)?.ensure(again.body.is_empty(), "no body")?;
    PASSED
}

pub(crate) async fn precondition(run: &Run) -> Checked {
    let before = item(run).await?;
    put(run, "\"outdated\"", &json!({"title": "must not be"})).await?.expect_problem(412)?;
    let after = item(run).await?;
    after.ensure(after.json() == before.expect(200)?.json(), "the book as it was")?;
    PASSED
}

/// Two pages of one book each, the second by the cursor of the first.
pub(crate) async fn pages(run: &Run) -> Checked {
    run.book()?;
    let target = format!("/books?author={}&page_size=1", run.name);
    let first = run.client.send(&Request::get(&target)).await?;
    let link = first.expect(200)?.need_header("link")?;
    first.ensure(link.contains("rel=\"next\""), "a Link to the next page")?;
    let second =
        run.client.send(&Request::get(format!("{target}&cursor={}", first.text("next_cursor")))).await?;
    second.expect(200)?.ensure(second.json()["next_cursor"].is_null(), "no page after the second")?;
    let mut found: Vec<_> = ids(&first.json()).chain(ids(&second.json())).collect();
    found.sort_unstable();
    ensure(found == run.books, || format!("expected the books {:?}, got {found:?}", run.books))?;
    PASSED
}

/// The ids of the books in a page.
pub(crate) fn ids(page: &Value) -> impl Iterator<Item = i64> + use<> {
    let items = page["items"].as_array().cloned().unwrap_or_default();
    items.into_iter().filter_map(|item| item["id"].as_i64())
}

async fn item(run: &Run) -> Result<Response, NotPassed> {
    run.client.send(&Request::get(format!("/books/{}", run.book()?))).await
}

async fn put(run: &Run, tag: &str, change: &Value) -> Result<Response, NotPassed> {
    let request = Request::put(format!("/books/{}", run.book()?)).bearer(run.account.access()?);
    run.client.send(&request.header("if-match", tag).json(change)).await
}
