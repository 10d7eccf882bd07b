//! The event guard: makes an API Gateway event, however broken, safe to convert into a request, or rejects it.
//!
//! `lambda_http` builds a URL from the event and parses it again, so that a decoded `?` in a path would become a query,
//! `..` would leave its folder, and bad base64 would panic. Here every part is checked, and brought into a form that
//! means the same to the parser as it did in the event. A rejected event is converted too, without its body, and
//! `http::invalid_event` responds to it.

mod path;
mod reader;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lambda_http::aws_lambda_events::apigw::{ApiGatewayProxyRequest, ApiGatewayV2httpRequest};
use lambda_http::aws_lambda_events::query_map::QueryMap;
use lambda_http::http::HeaderMap;
use lambda_http::http::header::HOST;
use lambda_http::request::LambdaRequest;
use percent_encoding::{AsciiSet, utf8_percent_encode};
use serde_json::value::RawValue;

use self::path::{LONGEST, RESERVED, SafePath, decode_unreserved, is_function_url, is_plain};
pub use self::reader::NotHttp;
use crate::http::Error;

/// Characters that are encoded in a query: all that it may not hold (RFC 3986 §3.4). It may hold `%`, since it
/// arrives encoded.
const QUERY: &AsciiSet = &RESERVED
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

/// An event in a form that is safe to convert.
pub(super) struct GuardedEvent {
    pub(super) request: LambdaRequest,
    /// The error that the request must get instead of its handler's response.
    pub(super) verdict: Result<(), Error>,
    /// What the client's path has before the path of the route, such as `/prod`; empty if there is nothing.
    pub(super) base_path: String,
}

/// Reads an event and brings it into a form that is safe to convert. `stage_prefix` (`/prod`) is cut off the path.
pub(super) fn read(event: &RawValue, stage_prefix: Option<&str>) -> Result<GuardedEvent, NotHttp> {
    let (mut request, members) = reader::read(event.get())?;
    let (path, rest) = match &mut request {
        LambdaRequest::ApiGatewayV2(event) => guard_v2(event, stage_prefix),
        LambdaRequest::ApiGatewayV1(event) => guard_v1(event, stage_prefix),
        _ => return Err(NotHttp),
    };
    let base_path = path.as_ref().map(|path| path.base.clone()).unwrap_or_default();
    let verdict = members.and(path.map(drop)).and(rest);
    if verdict.is_err() {
        remove_content(&mut request);
    }
    Ok(GuardedEvent { request, verdict, base_path })
}

/// Makes path and query safe. Returns the path, and the verdict on everything else.
fn guard_v2(
    event: &mut ApiGatewayV2httpRequest,
    stage_prefix: Option<&str>,
) -> (Result<SafePath, Error>, Result<(), Error>) {
    // A Function URL passes the path on as it was sent, an HTTP API decodes it.
    let is_encoded = event.request_context.domain_name.as_deref().is_some_and(is_function_url);
    let path = event.raw_path.as_deref().unwrap_or_default();
    let path = SafePath::of(&if is_encoded { decode_unreserved(path) } else { path.into() }, stage_prefix);
    let query = safe_query(event.raw_query_string.as_deref().unwrap_or_default());
    let body = check_body(event.body.as_deref(), event.is_base64_encoded);
    event.request_context.stage = None;
    event.request_context.domain_name = None;
    remove_host(&mut event.headers);
    event.raw_path = Some(path_or_unserved(&path));
    let (query, outcome) = match query {
        Ok(query) => (Some(query), body),
        Err(error) => (None, Err(error)),
    };
    event.raw_query_string = query;
    (path, outcome)
}

/// The same for an event of a REST API.
fn guard_v1(
    event: &mut ApiGatewayProxyRequest,
    stage_prefix: Option<&str>,
) -> (Result<SafePath, Error>, Result<(), Error>) {
    let path = event.path.as_deref().unwrap_or_default();
    let mut safe = SafePath::of(&decode_unreserved(path), stage_prefix);
    if let Ok(safe) = &mut safe {
        // The context has the path as the client sees it, with the stage.
        let full = event.request_context.path.as_deref().unwrap_or_default().trim_end_matches('/');
        let base = full.strip_suffix(path.trim_end_matches('/')).filter(|base| is_plain(base));
        safe.base.insert_str(0, base.filter(|_| !path.is_empty()).unwrap_or_default());
    }
    let queries = [&event.multi_value_query_string_parameters, &event.query_string_parameters];
    let query = queries.into_iter().try_for_each(|query| safe_query(&query.to_query_string()).map(drop));
    let body = check_body(event.body.as_deref(), event.is_base64_encoded);
    event.request_context.stage = None;
    event.request_context.domain_name = None;
    remove_host(&mut event.headers);
    remove_host(&mut event.multi_value_headers);
    event.path = Some(path_or_unserved(&safe));
    (safe, query.and(body))
}

/// Removes what a rejected request may not keep. It keeps its path, if that is sound: it is counted, and gets an error
/// in the form of that route.
fn remove_content(request: &mut LambdaRequest) {
    match request {
        LambdaRequest::ApiGatewayV2(event) => event.body = None,
        LambdaRequest::ApiGatewayV1(event) => {
            event.body = None;
            event.query_string_parameters = QueryMap::default();
            event.multi_value_query_string_parameters = QueryMap::default();
        }
        _ => {}
    }
}

fn path_or_unserved(path: &Result<SafePath, Error>) -> String {
    path.as_ref().map_or(UNSERVED, |path| &path.path).to_owned()
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
