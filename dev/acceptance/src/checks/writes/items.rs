//! Single books, searches and pages.

use acceptance::request::Request;
use acceptance::response::Response;
use acceptance::run::Run;
use acceptance::verdict::{Checked, NotPassed, PASSED, ensure};
use serde_json::{Value, json};

use super::Writer;

pub(crate) async fn create(writer: &mut Writer<'_>) -> Checked {
    for number in ["first", "second"] {
        let book = json!({"title": format!("{}, the {number} book", writer.run.name), "author": writer.run.name, "year": 1969});
        let request = Request::post("/books").bearer(writer.account.access()?).json(&book);
        let response = writer.run.client.send(&request.header("idempotency-key", &Run::new_key())).await?;
        let created = response.expect(201)?.json();
        let id =
            created["id"].as_i64().ok_or_else(|| NotPassed::Failed("expected an id, got none".into()))?;
        writer.books.push(id);
        let is_same = ["title", "author", "year"].iter().all(|field| created[field] == book[field]);
        response.ensure(is_same && created["description"].is_null(), "the book that was sent")?;
        let location = writer.run.client.target_of(response.need_header("location")?);
        response.ensure(location == format!("/books/{id}"), "a Location that leads to the book")?;
    }
    PASSED
}

pub(crate) async fn read(writer: &Writer<'_>) -> Checked {
    let response = item(writer).await?;
    response.expect(200)?.ensure(response.json()["id"] == writer.book()?, "the book of this id")?;
    response.need_header("etag")?;
    PASSED
}

pub(crate) async fn search(writer: &Writer<'_>) -> Checked {
    let id = writer.book()?;
    let target =
        format!("/books?title_contains={}%2C+the+FIRST&sort_by=year%3Adesc%2Ctitle", writer.run.name);
    let response = writer.run.client.send(&Request::get(target)).await?;
    let page = response.expect(200)?.json();
    let ids: Vec<_> = ids(&page).collect();
    response.ensure(
        ids == [id]
            && (&page["page"], &page["page_size"], &page["total"]) == (&json!(1), &json!(10), &json!(1)),
        "a page with this book alone",
    )?;
    PASSED
}

pub(crate) async fn update(writer: &Writer<'_>) -> Checked {
    let before = item(writer).await?;
    let tag = before.expect(200)?.need_header("etag")?;
    let response = put(writer, tag, &json!({"description": "Winter, and an envoy."})).await?;
    let mut expected = before.json();
    expected["description"] = "Winter, and an envoy.".into();
    response
        .expect(200)?
        .ensure(response.json() == expected, "the book with its description alone changed")?;
    response.ensure(response.need_header("etag")? != tag, "another tag")?;
    PASSED
}

pub(crate) async fn not_modified(writer: &Writer<'_>) -> Checked {
    let response = item(writer).await?;
    let tag = response.expect(200)?.need_header("etag")?;
    let request = Request::get(format!("/books/{}", writer.book()?)).header("if-none-match", tag);
    let again = writer.run.client.send(&request).await?;
    again.expect(304)?.expect_header("etag", tag)?.ensure(again.body.is_empty(), "no body")?;
    PASSED
}

pub(crate) async fn precondition(writer: &Writer<'_>) -> Checked {
    let before = item(writer).await?;
    put(writer, "\"outdated\"", &json!({"title": "must not be"})).await?.expect_problem(412)?;
    let after = item(writer).await?;
    after.ensure(after.json() == before.expect(200)?.json(), "the book as it was")?;
    PASSED
}

/// Two pages of one book each, the second by the cursor of the first.
pub(crate) async fn pages(writer: &Writer<'_>) -> Checked {
    writer.book()?;
    let target = format!("/books?author={}&page_size=1", writer.run.name);
    let first = writer.run.client.send(&Request::get(&target)).await?;
    let link = first.expect(200)?.need_header("link")?;
    first.ensure(link.contains("rel=\"next\""), "a Link to the next page")?;
    let second = writer
        .run
        .client
        .send(&Request::get(format!("{target}&cursor={}", first.text("next_cursor"))))
        .await?;
    second.expect(200)?.ensure(second.json()["next_cursor"].is_null(), "no page after the second")?;
    let mut found: Vec<_> = ids(&first.json()).chain(ids(&second.json())).collect();
    found.sort_unstable();
    ensure(found == writer.books, || format!("expected the books {:?}, got {found:?}", writer.books))?;
    PASSED
}

/// The ids of the books in a page.
pub(crate) fn ids(page: &Value) -> impl Iterator<Item = i64> + use<> {
    let items = page["items"].as_array().cloned().unwrap_or_default();
    items.into_iter().filter_map(|item| item["id"].as_i64())
}

async fn item(writer: &Writer<'_>) -> Result<Response, NotPassed> {
    writer.run.client.send(&Request::get(format!("/books/{}", writer.book()?))).await
}

async fn put(writer: &Writer<'_>, tag: &str, change: &Value) -> Result<Response, NotPassed> {
    let request = Request::put(format!("/books/{}", writer.book()?)).bearer(writer.account.access()?);
    writer.run.client.send(&request.header("if-match", tag).json(change)).await
}
