//! Lists after writes, although lists are cached.

use acceptance::request::Request;
use acceptance::verdict::{Checked, PASSED, ensure};
use serde_json::json;

use super::Writer;

/// How many writes are each followed by a list.
const WRITES: usize = 5;

/// A list is cached, a book is changed, and the next list shows it, each time.
pub(crate) async fn fresh(writer: &Writer<'_>) -> Checked {
    let (id, access) = (writer.book()?, writer.account.access()?);
    for number in 1..=WRITES {
        writer.run.client.send(&Request::get(writer.own_list())).await?.expect(200)?;
        let text = format!("as of write {number}");
        let change = Request::put(format!("/books/{id}")).bearer(access).json(&json!({"description": text}));
        writer.run.client.send(&change).await?.expect(200)?;
        let list = writer.run.client.send(&Request::get(writer.own_list())).await?;
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
