//! Paths and queries that try to become others.

use super::path::*;
use super::*;

fn safe_path(path: &str, stage_prefix: Option<&str>) -> Result<String, Error> {
    SafePath::of(path, stage_prefix).map(|safe| safe.path)
}

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

#[test]
fn an_encoded_character_that_needs_no_encoding_is_that_character() {
    for (raw, decoded) in [
        ("/b%6Foks", "/books"),
        ("/%62%6f%6F%6b%73/%31", "/books/1"),
        ("/a%2Fb%5c%00%3F%23%25", "/a%2Fb%5c%00%3F%23%25"),
        ("/%256F%%36F", "/%256F%6F"),
        ("/%", "/%"),
        ("/%6", "/%6"),
        ("/%zz%+6%é", "/%zz%+6%é"),
        ("/books/%2e%2E/auth", "/books/../auth"),
        ("/caf%C3%A9", "/caf%C3%A9"),
    ] {
        assert_eq!(decode_unreserved(raw), decoded, "{raw}");
    }
}

#[test]
fn only_a_plain_path_may_stand_before_another() {
    for base in ["", "/prod", "/v1/books-api"] {
        assert!(is_plain(base), "{base:?}");
    }
    for base in ["prod", "/", "/prod/", "//host", "/a//b", "/a b", "/a\r\nb", "/%2F", "/é"] {
        assert!(!is_plain(base), "{base:?}");
    }
}
