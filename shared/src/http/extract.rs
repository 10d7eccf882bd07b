//! The extractors: they read bodies, queries and ids into domain types, or refuse them with an [`Error`].

use std::collections::{BTreeMap, BTreeSet};

use axum::body::{Bytes, to_bytes};
use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri};
use percent_encoding::percent_decode_str;
use serde_json::Value;
use uuid::Uuid;

use super::error::Error;
use crate::validation::{FieldError, Fields, FromFields, Raw};

/// The largest body, in bytes.
pub const LARGEST_BODY: usize = 64 * 1024;

/// A JSON object as the body.
pub struct Json<T>(pub T);

/// A JSON object as the body, whose fields are still to be read.
pub struct JsonObject(BTreeMap<String, Raw>);

/// The parameters of an OAuth request: a form (RFC 6749 §3.2).
pub struct Form<T>(pub T);

/// The parameters of an OAuth request, as a form or as a JSON object.
pub struct FormOrJson<T>(pub T);

/// The query string.
pub struct Query<T>(pub T);

/// The numeric `{id}` of the path, 1 or more.
#[derive(Debug, Clone, Copy)]
pub struct NumericId(pub i64);

/// The `{id}` of the path where it is a UUID (RFC 9562).
#[derive(Debug, Clone, Copy)]
pub struct UuidId(pub Uuid);

impl<S: Send + Sync, T: FromFields> FromRequest<S> for Json<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        let JsonObject(values) = JsonObject::from_request(request, state).await?;
        Fields::read(values).map(Self).map_err(Error::Invalid)
    }
}

impl<S: Send + Sync> FromRequest<S> for JsonObject {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self, Error> {
        json_object(&read_body(request, JSON).await?).map(Self)
    }
}

impl JsonObject {
    /// Reads the object by a rule that needs more than the object.
    pub fn read<T>(self, rule: impl FnOnce(&mut Fields) -> Option<T>) -> Result<T, Error> {
        Fields::read_with(self.0, rule).map_err(Error::Invalid)
    }
}

impl<S: Send + Sync, T: FromFields> FromRequest<S> for Form<T> {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self, Error> {
        let body = read_body(request, FORM).await?;
        Fields::read_oauth(form(&body)?).map(Self).map_err(Error::InvalidRequest)
    }
}

impl<S: Send + Sync, T: FromFields> FromRequest<S> for FormOrJson<T> {
    type Rejection = Error;

    async fn from_request(request: Request, _: &S) -> Result<Self, Error> {
        let values = if is_sent_as(request.headers(), JSON) {
            json_object(&read_body(request, JSON).await?)?
        } else {
            form(&read_body(request, FORM).await?)?
        };
        Fields::read_oauth(values).map(Self).map_err(Error::InvalidRequest)
    }
}

impl<S: Send + Sync, T: FromFields> FromRequestParts<S> for Query<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        Self::from_uri(&parts.uri)
    }
}

impl<T: FromFields> Query<T> {
    /// Reads the query outside of a handler.
    pub fn from_uri(uri: &Uri) -> Result<Self, Error> {
        let (values, repeated) = pairs(uri.query().unwrap_or_default())?;
        let twice = |field| FieldError { field, detail: "was sent twice".to_owned() };
        match (Fields::read(values), repeated) {
            (Ok(query), repeated) if repeated.is_empty() => Ok(Self(query)),
            (read, repeated) => {
                let mut errors = read.err().unwrap_or_default();
                errors.extend(repeated.into_iter().map(twice));
                Err(Error::Invalid(errors))
            }
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for NumericId {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let text = path_id(parts, state).await?;
        if text.is_empty() || text.starts_with('0') || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Error::invalid("id", "must be a whole number, 1 or more"));
        }
        // A number past the last possible id is well-formed; there is just nothing there.
        text.parse().map(Self).map_err(|_| Error::NotFound)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for UuidId {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let text = path_id(parts, state).await?;
        Uuid::try_parse(&text).map(Self).map_err(|_| Error::invalid("id", "must be a UUID"))
    }
}

/// The part of the path for which the route says `{id}`.
async fn path_id<S: Send + Sync>(parts: &mut Parts, state: &S) -> Result<String, Error> {
    let path = RawPathParams::from_request_parts(parts, state).await.map_err(|_| Error::NotFound)?;
    let id = path.iter().find_map(|(name, text)| (name == "id").then(|| text.to_owned()));
    id.ok_or(Error::NotFound)
}

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";
const NOT_UTF8: Error = Error::Malformed("The request is not valid UTF-8.");

async fn read_body(request: Request, media_type: &'static str) -> Result<Bytes, Error> {
    if !is_sent_as(request.headers(), media_type) {
        return Err(Error::UnsupportedMediaType(media_type));
    }
    to_bytes(request.into_body(), LARGEST_BODY).await.map_err(|_| Error::TooLarge(LARGEST_BODY))
}

/// Whether the headers announce `media_type`, in UTF-8 and not compressed. Names of codings, media types and charsets
/// are the same in any case (RFC 9110 §8).
fn is_sent_as(headers: &HeaderMap, media_type: &str) -> bool {
    let codings = headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .flat_map(|value| value.as_bytes().split(|&byte| byte == b','));
    if codings.map(<[u8]>::trim_ascii).any(|coding| !coding.eq_ignore_ascii_case(b"identity")) {
        return false;
    }
    let Some(Ok(announced)) = headers.get(CONTENT_TYPE).map(|value| value.to_str()) else { return false };
    let mut parts = split_parameters(announced);
    parts.next().is_some_and(|essence| essence.eq_ignore_ascii_case(media_type))
        && parts.all(|parameter| {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            !name.trim().eq_ignore_ascii_case("charset") || is_utf8(value.trim().trim_matches('"'))
        })
}

/// A media type and its parameters: a `;` inside a quoted string does not separate them (RFC 9110 §5.6.6).
fn split_parameters(value: &str) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    let parts = value.split(move |character| {
        match (std::mem::take(&mut escaped), character) {
            (false, '"') => quoted = !quoted,
            (false, '\\') => escaped = quoted,
            _ => {}
        }
        character == ';' && !quoted
    });
    parts.map(str::trim)
}

/// Whether a charset is UTF-8, which is also called `utf8` (WHATWG Encoding §4.2).
fn is_utf8(charset: &str) -> bool {
    charset.eq_ignore_ascii_case("utf-8") || charset.eq_ignore_ascii_case("utf8")
}

/// The body as text. A byte order mark before it means nothing and is left out (RFC 8259 §8.1).
fn utf8(body: &[u8]) -> Result<&str, Error> {
    let text = std::str::from_utf8(body).map_err(|_| NOT_UTF8)?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

fn form(body: &[u8]) -> Result<BTreeMap<String, Raw>, Error> {
    let (values, repeated) = pairs(utf8(body)?)?;
    if repeated.is_empty() { Ok(values) } else { Err(Error::Malformed("A parameter was sent twice.")) }
}

fn json_object(body: &[u8]) -> Result<BTreeMap<String, Raw>, Error> {
    let text = utf8(body)?;
    let Object(entries) = serde_json::from_str(text).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => Error::Malformed("The body must be a JSON object."),
        _ => not_json(text, &error),
    })?;
    let count = entries.len();
    let object: BTreeMap<_, _> = entries.into_iter().map(|(name, value)| (name, Raw::Json(value))).collect();
    if object.len() < count {
        return Err(Error::Malformed("A field was sent twice."));
    }
    Ok(object)
}

/// Where the text stops being JSON. serde counts a column in bytes, and before the first one of a line from 0.
fn not_json(text: &str, error: &serde_json::Error) -> Error {
    let line = text.split('\n').nth(error.line().saturating_sub(1)).unwrap_or_default();
    let before = line.bytes().take(error.column());
    let column = before.filter(|byte| !is_continuation(*byte)).count();
    Error::NotJson { line: error.line(), column: column.max(1) }
}

/// Whether a byte of UTF-8 goes on with a code point that an earlier byte began.
const fn is_continuation(byte: u8) -> bool {
    byte & 0b1100_0000 == 0b1000_0000
}

/// A JSON object with all its entries: a map would hide that a name stands twice.
struct Object(Vec<(String, Value)>);

impl<'de> serde::Deserialize<'de> for Object {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor)
    }
}

struct ObjectVisitor;

impl<'de> serde::de::Visitor<'de> for ObjectVisitor {
    type Value = Object;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("a JSON object")
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Object(entries))
    }
}

/// The names and values of a form or query, and the names that stand in it more than once.
fn pairs(text: &str) -> Result<(BTreeMap<String, Raw>, BTreeSet<String>), Error> {
    let decoded = text.replace('+', "%20");
    percent_decode_str(&decoded).decode_utf8().map_err(|_| NOT_UTF8)?;
    let (mut values, mut repeated) = (BTreeMap::new(), BTreeSet::new());
    for (name, value) in form_urlencoded::parse(text.as_bytes()) {
        if values.insert(name.to_string(), Raw::Text(value.into_owned())).is_some() {
            repeated.insert(name.into_owned());
        }
    }
    Ok((values, repeated))
}
