//! Statements that measure the parts of the query of a list by themselves.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// The statements for a database of a certain size.
pub(super) struct ListQueries {
    /// A part of exactly one title, for the query of a URL.
    pub(super) rare_title: String,
    /// One search for it in the index of titles.
    pub(super) search: Value,
    /// The first page without the total number of books.
    pub(super) page: Value,
}

/// The object id of the type `text` in Postgres.
const TEXT: u32 = 25;

impl ListQueries {
    pub(super) fn new(books: u32) -> Self {
        let rare = format!("darkness {}", books / 10 * 8 / 8 * 8);
        let pattern = STANDARD.encode(format!("%{rare}%"));
        let statement = |sql: &str, parameters: Value| json!([{"sql": sql, "parameters": parameters}]);
        Self {
            search: statement(
                "select id from books where title ilike $1",
                json!([{"oid": TEXT, "value": pattern}]),
            ),
            page: statement(
                "select id, title, author, year, description from books order by id limit 11",
                json!([]),
            ),
            rare_title: rare.replace(' ', "+"),
        }
    }
}
