//! The header `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header).
//!
//! Its value is a string as in RFC 9651 §3.3.3, of 1 to 255 visible ASCII characters, or the same without its quotes,
//! as most clients send it. Both spellings are the same key.

use axum::http::{HeaderMap, HeaderValue};
use shared::http::Error;

/// The header's name.
pub(crate) const HEADER: &str = "idempotency-key";

/// The longest key in characters.
const MAX_LENGTH: usize = 255;

const MALFORMED: Error =
    Error::Malformed("Idempotency-Key takes one key of 1 to 255 visible ASCII characters.");

/// The key that a client chose for its request. It has no `Debug`, since whoever knows it can ask for the response.
pub(crate) struct Key(String);

impl Key {
    /// Reads the key. The header must be present exactly once.
    pub(crate) fn from_headers(headers: &HeaderMap) -> Result<Self, Error> {
        let mut values = headers.get_all(HEADER).iter();
        let (Some(value), None) = (values.next(), values.next()) else { return Err(MALFORMED) };
        Self::parse(value).ok_or(MALFORMED)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    fn parse(value: &HeaderValue) -> Option<Self> {
        let text = value.to_str().ok()?.trim_matches([' ', '\t']);
        let key = match text.strip_prefix('"') {
            Some(rest) => unquote(rest)?,
            // API Gateway joins two headers with a comma, so a key without quotes must not contain one.
            None => Some(text.to_owned()).filter(|key| !key.contains([' ', '"', ',']))?,
        };
        let fits =
            (1..=MAX_LENGTH).contains(&key.len()) && key.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        fits.then_some(Self(key))
    }
}

/// Returns the text before the closing quote, which must be the end. Only a quote and a backslash may be escaped.
fn unquote(text: &str) -> Option<String> {
    let (mut key, mut rest) = (String::new(), text.chars());
    loop {
        match rest.next()? {
            '"' => return rest.as_str().is_empty().then_some(key),
            '\\' => key.push(rest.next().filter(|escaped| ['"', '\\'].contains(escaped))?),
            character => key.push(character),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(value: &str) -> Option<String> {
        Key::parse(&HeaderValue::from_bytes(value.as_bytes()).ok()?).map(|Key(key)| key)
    }

    #[test]
    fn a_key_with_and_without_quotes_is_the_same() {
        let longest = "x".repeat(MAX_LENGTH);
        for (value, key) in [
            ("8e03978e-40d5-43e8-bc93-6894a57f9324", "8e03978e-40d5-43e8-bc93-6894a57f9324"),
            ("\"8e03978e-40d5-43e8-bc93-6894a57f9324\"", "8e03978e-40d5-43e8-bc93-6894a57f9324"),
            (r#""a \"b\" \\ ,c""#, r#"a "b" \ ,c"#),
            (r"a\b;c", r"a\b;c"),
            (&longest, &longest),
            (&format!("\"{longest}\""), &longest),
        ] {
            assert_eq!(parse(value).as_deref(), Some(key), "{value}");
        }
    }

    #[test]
    fn malformed_keys_are_refused() {
        let too_long = "x".repeat(MAX_LENGTH + 1);
        for value in [
            "",
            " ",
            "\"\"",
            "\"",
            "\"a",
            "a\"",
            "\"a\"b",
            "\"a\";p=1",
            r#""\a""#,
            "a b",
            "a,b",
            "é",
            &too_long,
        ] {
            assert_eq!(parse(value), None, "{value:?}");
        }
    }

    #[test]
    fn two_headers_are_refused() {
        let mut headers = HeaderMap::new();
        assert!(Key::from_headers(&headers).is_err());
        headers.append(HEADER, HeaderValue::from_static("a"));
        assert!(Key::from_headers(&headers).is_ok());
        headers.append(HEADER, HeaderValue::from_static("a"));
        assert!(Key::from_headers(&headers).is_err());
    }
}
