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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_page_holds_no_more_books_than_were_asked_for() {
        let page =
            |items| json!({"items": items, "page": 1, "page_size": 1, "total": 2, "next_cursor": null});
        assert!(is_page(&page(vec![])) && is_page(&page(vec![json!({})])));
        assert!(!is_page(&page(vec![json!({}), json!({})])) && !is_page(&json!({"items": []})));
    }
}
