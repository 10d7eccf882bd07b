//! Writes that are refused.

use acceptance::request::Request;
use acceptance::verdict::{Checked, PASSED};
use serde_json::json;

use super::Writer;

pub(crate) async fn forbidden(writer: &Writer<'_>) -> Checked {
    let request = Request::delete(format!("/books/{}", writer.book()?)).bearer(writer.account.access()?);
    writer.run.client.send(&request).await?.expect_refused_token(403, "insufficient_scope")?;
    PASSED
}

pub(crate) async fn bodies(writer: &Writer<'_>) -> Checked {
    let access = writer.account.access()?;
    for (content_type, body, status) in [
        ("text/plain", "{}", 415),
        ("application/json", "{", 400),
        ("application/json", r#"{"title":"T","title":"T","author":"A"}"#, 400),
    ] {
        let request = Request::post("/books").bearer(access).body(content_type, body);
        writer.run.client.send(&request).await?.expect_problem(status)?;
    }
    PASSED
}

pub(crate) async fn invalid_fields(writer: &Writer<'_>) -> Checked {
    let book = json!({"title": "", "year": 3000, "colour": "red"});
    let request = Request::post("/books").bearer(writer.account.access()?).json(&book);
    let response = writer.run.client.send(&request).await?;
    response.expect_problem(422)?;
    let problem = response.json();
    let named = ["title", "author", "year", "colour"].iter().all(|field| {
        problem["errors"].as_array().is_some_and(|errors| errors.iter().any(|error| error["field"] == *field))
    });
    response.ensure(named, "errors of title, author, year and colour")?;
    PASSED
}
