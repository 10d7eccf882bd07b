//! The event guard: makes an API Gateway event, however broken, safe to convert into a request, or rejects it.
//!
//! `lambda_http` builds a URL from the event and parses it again, so that a decoded `?` in a path would become a query,
//! `..` would leave its folder, and bad base64 would panic. Here every part is checked, and brought into a form that
//! means the same to the parser as it did in the event. A rejected event is converted too, without its body, and
//! `http::invalid_event` responds to it.

mod reader;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lambda_http::aws_lambda_events::apigw::{ApiGatewayProxyRequest, ApiGatewayV2httpRequest};
use lambda_http::aws_lambda_events::query_map::QueryMap;
use lambda_http::http::HeaderMap;
use lambda_http::http::header::HOST;
use lambda_http::request::LambdaRequest;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::value::RawValue;

pub use self::reader::NotHttp;
use crate::http::Error;

/// The longest path or query, in bytes after encoding. API Gateway itself permits 10 KiB for the whole request line and
/// the headers.
const LONGEST: usize = 16 * 1024;

/// Characters that are encoded in a path segment: all but the unreserved ones (RFC 3986 §2.3).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Characters that are encoded in a query: all that it may not hold (RFC 3986 §3.4). It may hold `%`, since it
/// arrives encoded.
const QUERY: &AsciiSet = &SEGMENT
    .remove(b'%')
    .remove(b'&')
    .remove(b'=')
    .remove(b'+')
    .remove(b'/')
    .remove(b'?')
    .remove(b':')
    .remove(b'@')
    .remove(b'!')
    .remove(b'$')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b',')
    .remove(b';');

/// A path that no function serves. A rejected path is replaced by it, and so gets the router's 404.
const UNSERVED: &str = "/-";

/// Reads an event and brings it into a form that is safe to convert, with the verdict on it: the error that the request
/// must get instead of its handler's response. `stage_prefix` (`/prod`) is cut off the path.
pub fn read(
    event: &RawValue,
    stage_prefix: Option<&str>,
) -> Result<(LambdaRequest, Result<(), Error>), NotHttp> {
    let (mut request, members) = reader::read(event.get())?;
    let verdict = match &mut request {
        LambdaRequest::ApiGatewayV2(event) => guard_v2(event, members, stage_prefix),
        LambdaRequest::ApiGatewayV1(event) => guard_v1(event, members, stage_prefix),
        _ => return Err(NotHttp),
    };
    Ok((request, verdict))
}

fn guard_v2(
    event: &mut ApiGatewayV2httpRequest,
    members: Result<(), Error>,
    stage_prefix: Option<&str>,
) -> Result<(), Error> {
    let path = safe_path(event.raw_path.as_deref().unwrap_or_default(), stage_prefix);
    let query = safe_query(event.raw_query_string.as_deref().unwrap_or_default());
    let body = check_body(event.body.as_deref(), event.is_base64_encoded);
    event.request_context.stage = None;
    event.request_context.domain_name = None;
    remove_host(&mut event.headers);
    let outcome = path.as_ref().and(query.as_ref()).map(drop).map_err(Error::clone);
    let outcome = members.and(outcome).and(body);
    // A rejected event keeps its path, if that is sound: it is counted, and gets an error in the form of that route.
    event.raw_path = Some(path.unwrap_or_else(|_| UNSERVED.to_owned()));
    event.raw_query_string = query.ok();
    if outcome.is_err() {
        event.body = None;
    }
    outcome
}

fn guard_v1(
    event: &mut ApiGatewayProxyRequest,
    members: Result<(), Error>,
    stage_prefix: Option<&str>,
) -> Result<(), Error> {
    let path = safe_path(event.path.as_deref().unwrap_or_default(), stage_prefix);
    let queries = [&event.multi_value_query_string_parameters, &event.query_string_parameters];
    let query = queries.into_iter().try_for_each(|query| safe_query(&query.to_query_string()).map(drop));
    let body = check_body(event.body.as_deref(), event.is_base64_encoded);
    event.request_context.stage = None;
    event.request_context.domain_name = None;
    remove_host(&mut event.headers);
    remove_host(&mut event.multi_value_headers);
    let outcome = members.and(path.as_ref().map(drop).map_err(Error::clone)).and(query).and(body);
    event.path = Some(path.unwrap_or_else(|_| UNSERVED.to_owned()));
    if outcome.is_err() {
        event.body = None;
        event.query_string_parameters = QueryMap::default();
        event.multi_value_query_string_parameters = QueryMap::default();
    }
    outcome
}

/// `path`, which arrives decoded, encoded again segment by segment, without the stage and without a final `/`.
fn safe_path(path: &str, stage_prefix: Option<&str>) -> Result<String, Error> {
    let path = match stage_prefix {
        Some(prefix) => path.strip_prefix(prefix).filter(|rest| rest.starts_with('/') || rest.is_empty()),
        None => None,
    }
    .unwrap_or(path);
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
        safe.extend(utf8_percent_encode(segment, SEGMENT));
    }
    if safe.len() > LONGEST { Err(Error::NotFound) } else { Ok(safe) }
}

/// `query`, which arrives encoded, with every other character encoded that may not stand in a URI.
fn safe_query(query: &str) -> Result<String, Error> {
    let safe = utf8_percent_encode(query, QUERY).to_string();
    if safe.len() > LONGEST { Err(Error::Malformed("The query is too long.")) } else { Ok(safe) }
}

fn check_body(body: Option<&str>, is_base64_encoded: bool) -> Result<(), Error> {
    match body {
        Some(body) if is_base64_encoded && STANDARD.decode(body).is_err() => {
            Err(Error::Malformed("The body is not valid base64."))
        }
        _ => Ok(()),
    }
}

/// Removes the host and the scheme, which a client chooses and no response depends on.
fn remove_host(headers: &mut HeaderMap) {
    headers.remove(HOST);
    headers.remove("x-forwarded-proto");
}

#[cfg(test)]
mod tests;
