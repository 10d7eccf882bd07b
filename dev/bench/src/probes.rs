//! Statements that show what the parts of a list cost by themselves.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

/// For a database of some size.
pub(super) struct Probe {
    /// A part of one title alone.
    pub(super) rare: String,
    /// One look into the index of titles for it.
    pub(super) search: Value,
    /// The first page without the number.
    pub(super) page: Value,
}

/// The type `text` in Postgres' catalogue.
const TEXT: u32 = 25;

impl Probe {
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
            rare: rare.replace(' ', "+"),
        }
    }
}
