//! A list: a statement, the script of the cache, and that of the limiter.

use serde_json::Value;

use crate::check::Check;

pub(super) const CHECKS: &[Check] = &[Check {
    method: "GET",
    path: "/books",
    query: "page_size=1",
    form: None,
    status: 200,
    is_right: is_page,
}];

fn is_page(body: &Value) -> bool {
    let fits = |items: &Vec<Value>| items.len() <= 1;
    body["items"].as_array().is_some_and(fits)
        && body["page"] == 1
        && body["page_size"] == 1
        && body["total"].is_u64()
}
