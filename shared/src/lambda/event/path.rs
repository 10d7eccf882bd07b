//! The path of an event: decoded where that is safe, cut into the stage and the path of a route, and encoded again.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::http::Error;

/// The longest path or query, in bytes after encoding. API Gateway itself permits 10 KiB for the whole request line and
/// the headers.
pub(super) const LONGEST: usize = 16 * 1024;

/// All characters but the unreserved ones (RFC 3986 §2.3). They are encoded in a path segment.
pub(super) const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A path that means the same to a parser of URLs as it does in the event.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SafePath {
    /// What the client's path has before it: the stage prefix, if it was cut off.
    pub(super) base: String,
    /// The path of a route, encoded segment by segment, without a final `/`.
    pub(super) path: String,
}

impl SafePath {
    /// Takes `path`, which is decoded, without `stage_prefix`. Refuses a path that could be normalised to another.
    pub(super) fn of(path: &str, stage_prefix: Option<&str>) -> Result<Self, Error> {
        let below =
            |prefix| path.strip_prefix(prefix).filter(|rest| rest.starts_with('/') || rest.is_empty());
        let (base, path) = match stage_prefix.and_then(|prefix| Some((prefix, below(prefix)?))) {
            Some((prefix, rest)) => (prefix, rest),
            None => ("", path),
        };
        Ok(Self { base: base.to_owned(), path: encode(path)? })
    }
}

/// `path` encoded segment by segment, without a final `/`.
fn encode(path: &str) -> Result<String, Error> {
    let path = if path.len() > 1 { path.strip_suffix('/').unwrap_or(path) } else { path };
    let Some(segments) = path.strip_prefix('/') else {
        return if path.is_empty() { Ok("/".to_owned()) } else { Err(Error::NotFound) };
    };
    if path.chars().any(|character| character.is_control() || character == '\\') {
        return Err(Error::Malformed("The path holds characters that no path here has."));
    }
    let mut safe = String::with_capacity(path.len());
    for segment in segments.split('/') {
        if matches!(segment, "." | "..") || (segment.is_empty() && path != "/") {
            return Err(Error::NotFound);
        }
        safe.push('/');
        safe.extend(utf8_percent_encode(segment, RESERVED));
    }
    if safe.len() > LONGEST { Err(Error::NotFound) } else { Ok(safe) }
}

/// `path`, which arrives as it was sent, with its unreserved characters decoded: `/b%6Foks` is `/books` (RFC 3986
/// §2.3). Everything else stays as it is, `%2F` for instance, which decoded would be another path. What then is `.` or
/// `..` is refused like any other such segment.
pub(super) fn decode_unreserved(path: &str) -> Cow<'_, str> {
    let mut pieces = path.split('%');
    let first = pieces.next().unwrap_or_default();
    if first.len() == path.len() {
        return path.into();
    }
    let mut decoded = first.to_owned();
    for piece in pieces {
        let byte = piece.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match byte.map(char::from).filter(|&character| is_unreserved(character)) {
            Some(character) if !piece.starts_with('+') => {
                decoded.push(character);
                decoded.push_str(&piece[2..]);
            }
            _ => {
                decoded.push('%');
                decoded.push_str(piece);
            }
        }
    }
    decoded.into()
}

/// Whether the host is that of a Function URL, `<id>.lambda-url.<region>.on.aws`. AWS writes it, not the client.
pub(super) fn is_function_url(domain_name: &str) -> bool {
    domain_name.split('.').nth(1) == Some("lambda-url")
}

/// Whether `base` is empty, or a path of unreserved characters that can stand before another path.
pub(super) fn is_plain(base: &str) -> bool {
    let is_path = base.starts_with('/') && !base.ends_with('/') && !base.contains("//");
    base.is_empty() || (is_path && base.chars().all(|character| is_unreserved(character) || character == '/'))
}

fn is_unreserved(character: char) -> bool {
    character.is_ascii_alphanumeric() || "-._~".contains(character)
}
