//! The header `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): a string as in RFC 9651 §3.3.3, or the
//! same without its quotes, as most clients send it.

use axum::http::{HeaderMap, HeaderValue};
use shared::http::Error;

/// The header's name.
pub(crate) const HEADER: &str = "idempotency-key";

/// The most characters of a key.
const LONGEST: usize = 255;

const MALFORMED: Error =
    Error::Malformed("Idempotency-Key takes one key of 1 to 255 visible ASCII characters.");

/// What a caller calls its request. Has no `Debug`: who knows it can ask for the answer.
pub(crate) struct Key(String);

impl Key {
    /// The one key that the headers hold.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, Error> {
        let mut values = headers.get_all(HEADER).iter();
        let (Some(value), None) = (values.next(), values.next()) else { return Err(MALFORMED) };
        Self::read(value).ok_or(MALFORMED)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    fn read(value: &HeaderValue) -> Option<Self> {
        let text = value.to_str().ok()?.trim_matches([' ', '\t']);
        let key = match text.strip_prefix('"') {
            Some(rest) => unquote(rest)?,
            // Two headers arrive as one with a comma, so that is no part of a key without quotes.
            None => Some(text.to_owned()).filter(|key| !key.contains([' ', '"', ',']))?,
        };
        let fits = (1..=LONGEST).contains(&key.len()) && key.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        fits.then_some(Self(key))
    }
}

/// What stands before the closing quote, which must be the end; only a quote and a backslash may be escaped.
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

    fn read(value: &str) -> Option<String> {
        Key::read(&HeaderValue::from_bytes(value.as_bytes()).ok()?).map(|Key(key)| key)
    }

    #[test]
    fn quoted_and_bare_are_one_key() {
        let longest = "x".repeat(LONGEST);
        for (value, key) in [
            ("8e03978e-40d5-43e8-bc93-6894a57f9324", "8e03978e-40d5-43e8-bc93-6894a57f9324"),
            ("\"8e03978e-40d5-43e8-bc93-6894a57f9324\"", "8e03978e-40d5-43e8-bc93-6894a57f9324"),
            (r#""a \"b\" \\ ,c""#, r#"a "b" \ ,c"#),
            (r"a\b;c", r"a\b;c"),
            (&longest, &longest),
            (&format!("\"{longest}\""), &longest),
        ] {
            assert_eq!(read(value).as_deref(), Some(key), "{value}");
        }
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let too_long = "x".repeat(LONGEST + 1);
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
            assert_eq!(read(value), None, "{value:?}");
        }
    }

    #[test]
    fn two_headers_are_no_key() {
        let mut headers = HeaderMap::new();
        assert!(Key::of(&headers).is_err());
        headers.append(HEADER, HeaderValue::from_static("a"));
        assert!(Key::of(&headers).is_ok());
        headers.append(HEADER, HeaderValue::from_static("a"));
        assert!(Key::of(&headers).is_err());
    }
}
