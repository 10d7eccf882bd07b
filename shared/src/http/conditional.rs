//! Conditional requests (RFC 9110 §13): entity tags, `If-Match` and `If-None-Match`.

use std::fmt;

use axum::extract::FromRequestParts;
use axum::http::header::{ETAG, HeaderName, IF_MATCH, IF_NONE_MATCH};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use super::error::Error;

/// A strong entity tag (RFC 9110 §8.8.3): the text between its quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntityTag(String);

/// The entity tags of a precondition.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Tags {
    /// `*`: any tag.
    Any,
    /// One of these tags.
    OneOf(Vec<Named>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Named {
    weak: bool,
    tag: String,
}

/// `If-Match`: change the resource only if it still has a tag that the client knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IfMatch(Option<Tags>);

/// `If-None-Match`: respond in full only if the resource has none of the tags that the client has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IfNoneMatch(Option<Tags>);

impl EntityTag {
    /// A tag of these characters, which must be letters, digits, `-`, `_` or `.`.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// `response` with this tag.
    #[must_use]
    pub fn on(&self, mut response: Response) -> Response {
        if let Ok(value) = HeaderValue::try_from(self.to_string()) {
            response.headers_mut().insert(ETAG, value);
        }
        response
    }
}

impl fmt::Display for EntityTag {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "\"{}\"", self.0)
    }
}

impl IfMatch {
    /// Whether there is a precondition at all.
    #[must_use]
    pub fn is_present(&self) -> bool {
        self.0.is_some()
    }

    /// Whether a resource with `tag` may be changed. Compares strongly (RFC 9110 §8.8.3.2).
    #[must_use]
    pub fn permits(&self, tag: &EntityTag) -> bool {
        match &self.0 {
            None | Some(Tags::Any) => true,
            Some(Tags::OneOf(tags)) => tags.iter().any(|named| !named.weak && named.tag == tag.0),
        }
    }

    /// The strong tags of the list, for a statement to compare; `None` where any will do.
    #[must_use]
    pub fn named(&self) -> Option<Vec<&str>> {
        match &self.0 {
            None | Some(Tags::Any) => None,
            Some(Tags::OneOf(tags)) => {
                Some(tags.iter().filter(|named| !named.weak).map(|named| named.tag.as_str()).collect())
            }
        }
    }
}

impl IfNoneMatch {
    /// `response`, which has `tag`, or 304 if the client has it already. Compares weakly (RFC 9110 §8.8.3.2).
    #[must_use]
    pub fn respond(&self, tag: &EntityTag, response: Response) -> Response {
        let has_it = match &self.0 {
            None => false,
            Some(Tags::Any) => true,
            Some(Tags::OneOf(tags)) => tags.iter().any(|named| named.tag == tag.0),
        };
        tag.on(if has_it { StatusCode::NOT_MODIFIED.into_response() } else { response })
    }
}

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        read(&parts.headers, &IF_MATCH).map(Self)
    }
}

impl<S: Sync> FromRequestParts<S> for IfNoneMatch {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        read(&parts.headers, &IF_NONE_MATCH).map(Self)
    }
}

fn read(headers: &HeaderMap, name: &HeaderName) -> Result<Option<Tags>, Error> {
    const MALFORMED: Error =
        Error::Malformed("If-Match and If-None-Match take * or a list of quoted entity tags.");
    let values: Result<Vec<&str>, _> = headers.get_all(name).iter().map(HeaderValue::to_str).collect();
    let text = values.map_err(|_| MALFORMED)?.join(",");
    match text.trim() {
        "" if headers.contains_key(name) => Err(MALFORMED),
        "" => Ok(None),
        "*" => Ok(Some(Tags::Any)),
        list => parse_list(list).map(|tags| Some(Tags::OneOf(tags))).ok_or(MALFORMED),
    }
}

/// A comma may stand inside a tag, so the list is read tag by tag.
fn parse_list(mut rest: &str) -> Option<Vec<Named>> {
    let mut tags = Vec::new();
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        if rest.is_empty() {
            return (!tags.is_empty()).then_some(tags);
        }
        let unprefixed = rest.strip_prefix("W/");
        let (tag, after) = unprefixed.unwrap_or(rest).strip_prefix('"')?.split_once('"')?;
        tags.push(Named { weak: unprefixed.is_some(), tag: tag.to_owned() });
        rest = after.trim_start_matches([' ', '\t']);
        if !rest.is_empty() && !rest.starts_with(',') {
            return None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn if_match(value: &'static str) -> Result<IfMatch, Error> {
        let headers = HeaderMap::from_iter([(IF_MATCH, HeaderValue::from_static(value))]);
        read(&headers, &IF_MATCH).map(IfMatch)
    }

    #[test]
    fn a_list_is_read_tag_by_tag() {
        let tag = EntityTag::new("b");
        for (value, permits) in [
            ("*", true),
            (r#""b""#, true),
            (r#""a", "b""#, true),
            (r#""a,b""#, false),
            (r#""a" ,, "b","#, true),
            (r#"W/"b""#, false),
            (r#""""#, false),
        ] {
            assert_eq!(if_match(value).unwrap().permits(&tag), permits, "{value}");
        }
    }

    #[test]
    fn what_is_no_list_of_tags_is_refused() {
        for value in ["b", "\"b", "b\"", "\"a\" \"b\"", "", ",", "*, \"b\"", "w/\"b\"", "W/b"] {
            assert!(if_match(value).is_err(), "{value:?}");
        }
    }
}
