//! Paths and queries that try to become others.

use super::*;

#[test]
fn a_path_means_after_encoding_what_it_meant_before() {
    for (raw, safe) in [
        ("", "/"),
        ("/", "/"),
        ("/books", "/books"),
        ("/books/", "/books"),
        ("/books/7", "/books/7"),
        ("/books/a?b=c", "/books/a%3Fb%3Dc"),
        ("/books/a#b", "/books/a%23b"),
        ("/books/%2e%2e", "/books/%252e%252e"),
        ("/books/é", "/books/%C3%A9"),
        ("/.well-known/jwks.json", "/.well-known/jwks.json"),
    ] {
        assert_eq!(safe_path(raw, None).as_deref(), Ok(safe), "{raw}");
    }
}

#[test]
fn a_path_that_climbs_or_holds_what_no_path_holds_is_rejected() {
    let long = format!("/{}", "a".repeat(70_000));
    for raw in
        ["/books/../auth/me", "/./books", "//books", "/books//7", "books", "/a\0", "/a\tb", "/a\\b", &long]
    {
        assert!(safe_path(raw, None).is_err(), "{raw:.40}");
    }
}

#[test]
fn only_the_configured_stage_is_cut_off() {
    for (raw, safe) in
        [("/prod/books", "/books"), ("/prod", "/"), ("/production", "/production"), ("/x", "/x")]
    {
        assert_eq!(safe_path(raw, Some("/prod")).as_deref(), Ok(safe));
    }
}

#[test]
fn a_query_keeps_its_meaning() {
    for (raw, safe) in [
        ("a=b&c=%20+d", "a=b&c=%20+d"),
        ("a=b c", "a=b%20c"),
        ("a=\u{e9}#x", "a=%C3%A9%23x"),
        ("a=\"", "a=%22"),
    ] {
        assert_eq!(safe_query(raw).as_deref(), Ok(safe), "{raw}");
    }
}
