//! Cross-origin requests: which web pages may call the API from a browser (CORS, the Fetch standard).
//!
//! With `CORS_ORIGINS`, preflight requests are answered before anything else, and every other response, errors
//! included, carries the headers with which a browser hands it to a page of these origins. Tokens are sent in
//! `Authorization`, so credentials (cookies) are not allowed.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::header::{
    ACCESS_CONTROL_REQUEST_METHOD, ALLOW, AUTHORIZATION, CONTENT_TYPE, ETAG, HeaderName, IF_MATCH,
    IF_NONE_MATCH, LINK, LOCATION, ORIGIN, RETRY_AFTER, VARY, WWW_AUTHENTICATE,
};
use axum::http::{HeaderValue, Method, Uri};
use axum::middleware::Next;
use axum::response::Response;
use tower::{Layer as _, ServiceExt as _};
use tower_http::cors::CorsLayer;

use crate::config::{self, Env};

const VARIABLE: &str = "CORS_ORIGINS";

/// How long a browser may remember the answer to a preflight request.
const MAX_AGE: Duration = Duration::from_mins(10);

const METHODS: [Method; 5] = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::DELETE];

/// The headers that the API reads and a page may not send without permission.
const REQUEST_HEADERS: [HeaderName; 5] =
    [AUTHORIZATION, CONTENT_TYPE, HeaderName::from_static("idempotency-key"), IF_MATCH, IF_NONE_MATCH];

/// The headers that the API promises and a page may not read without permission.
const RESPONSE_HEADERS: [HeaderName; 9] = [
    ALLOW,
    ETAG,
    HeaderName::from_static("idempotency-replayed"),
    LINK,
    LOCATION,
    HeaderName::from_static("ratelimit"),
    HeaderName::from_static("ratelimit-policy"),
    RETRY_AFTER,
    WWW_AUTHENTICATE,
];

/// Reads `CORS_ORIGINS`: origins such as `https://app.example.com`, with commas between. `None` if it is not set.
pub(crate) fn from_env(env: &Env) -> Result<Option<Arc<CorsLayer>>, config::Error> {
    let Some(text) = env.optional(VARIABLE) else { return Ok(None) };
    let origins: Option<Vec<_>> = text.split(',').map(|origin| parse_origin(origin.trim())).collect();
    let origins = origins.ok_or_else(|| {
        config::Error::invalid(VARIABLE, "is not a list of origins such as https://app.example.com")
    })?;
    let layer = CorsLayer::new()
        .allow_origin(origins)
        .allow_methods(METHODS)
        .allow_headers(REQUEST_HEADERS)
        .expose_headers(RESPONSE_HEADERS)
        .max_age(MAX_AGE)
        .vary([ORIGIN]);
    Ok(Some(Arc::new(layer)))
}

/// An origin as browsers write it (RFC 6454 §6.2), for it is compared byte by byte: nothing follows the host and the
/// port, no letter is a capital, and the port is not the scheme's own.
fn parse_origin(text: &str) -> Option<HeaderValue> {
    let uri: Uri = text.parse().ok()?;
    let (scheme, authority) = (uri.scheme_str()?, uri.authority()?);
    let own_port = match scheme {
        "https" => 443,
        "http" => 80,
        _ => return None,
    };
    let (host, port) = (authority.host(), authority.port_u16());
    // This rules out user names and ports that are none.
    let serialized = match port {
        Some(port) => format!("{scheme}://{host}:{port}"),
        None => format!("{scheme}://{host}"),
    };
    let is_serialized = text == serialized
        && !host.is_empty()
        && !host.contains('*')
        && port != Some(own_port)
        && !text.bytes().any(|byte| byte.is_ascii_uppercase());
    is_serialized.then(|| HeaderValue::try_from(text).ok())?
}

/// The layer around every route and the router's own errors, if there are origins. It answers preflight requests alone:
/// any other `OPTIONS` asks for `Allow`.
pub(crate) async fn allow_origins(
    State(cors): State<Arc<CorsLayer>>,
    request: Request,
    next: Next,
) -> Response {
    let asks_for_allow = request.method() == Method::OPTIONS && !is_preflight(&request);
    if asks_for_allow {
        return next.run(request).await;
    }
    let response = cors.layer(next).oneshot(request).await.unwrap_or_else(|never: Infallible| match never {});
    with_one_vary(response)
}

fn is_preflight(request: &Request) -> bool {
    let headers = request.headers();
    headers.contains_key(ORIGIN) && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// `response` with all values of `Vary` in one line: an HTTP API gets one line of each header.
fn with_one_vary(mut response: Response) -> Response {
    let values: Vec<_> = response.headers().get_all(VARY).iter().map(HeaderValue::as_bytes).collect();
    if values.len() > 1
        && let Ok(joined) = HeaderValue::from_bytes(&values.join(&b", "[..]))
    {
        response.headers_mut().insert(VARY, joined);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_has_origins_as_browsers_write_them() {
        let read = |value: &str| from_env(&Env::of([(VARIABLE, value)]));
        assert!(read("").unwrap().is_none());
        for value in [
            "https://app.example.com",
            " https://app.example.com , http://localhost:5173",
            "http://127.0.0.1:9000,https://[2001:db8::1]:8443,https://xn--bcher-kva.example",
        ] {
            assert!(read(value).unwrap().is_some(), "{value}");
        }
        for value in [
            "*",
            "null",
            "app.example.com",
            "//app.example.com",
            "https://",
            "https://app.example.com/",
            "https://app.example.com/page",
            "https://app.example.com?x",
            "https://*.example.com",
            "https://user@app.example.com",
            "https://App.example.com",
            "https://app.example.com:",
            "https://app.example.com:443",
            "http://app.example.com:80",
            "https://app.example.com:99999",
            "https://bücher.example",
            "ftp://app.example.com",
            "https://app.example.com,",
            "https://app.example.com https://b.example",
        ] {
            let error = read(value).err().unwrap_or_else(|| panic!("{value} is accepted")).to_string();
            assert!(error.starts_with(VARIABLE) && !error.contains("b.example"), "{error}");
        }
    }
}
