//! Problem details (RFC 9457): the one form of every error, the router's own included.

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{ALLOW, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::edge::RequestId;
use super::error::Error;
use crate::fields::FieldError;

/// The media type of a problem.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// An error as it is written out (RFC 9457 §3).
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// Names the kind of problem.
    #[serde(rename = "type")]
    #[schema(example = "urn:problem-type:bookshelf:not-found")]
    kind: String,
    /// The status in words.
    #[schema(example = "Not Found")]
    title: &'static str,
    /// The status.
    #[schema(example = 404)]
    status: u16,
    /// What happened, for a person.
    #[schema(example = "There is nothing here.")]
    detail: String,
    /// Names this request in the log.
    #[schema(example = "6b0e3d3e-0d6c-4a0e-9c39-6f3a1c2c6a10")]
    request_id: String,
    /// What is wrong with which field.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    errors: Vec<FieldError>,
    /// On token endpoints: the error of RFC 6749 §5.2.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "invalid_grant")]
    error: Option<&'static str>,
    /// On token endpoints: `detail` again, under the name of RFC 6749 §5.2.
    #[serde(skip_serializing_if = "Option::is_none")]
    error_description: Option<String>,
}

/// Marks the answers of an endpoint that OAuth clients read (RFC 6749 §5.2).
#[derive(Clone, Copy)]
struct ReadByOAuthClients;

/// A layer for token endpoints: their errors carry `error` and `error_description` as well.
pub async fn for_oauth_clients(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response.extensions_mut().insert(ReadByOAuthClients);
    response
}

/// The outermost layer: writes errors out, and answers `OPTIONS` with what the router allows.
pub async fn write_out(request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let request_id = request.extensions().get::<RequestId>().cloned().unwrap_or_default();
    let response = next.run(request).await;
    let error = match (response.extensions().get::<Error>(), response.status()) {
        (Some(error), _) => error.clone(),
        (None, StatusCode::METHOD_NOT_ALLOWED) if method == Method::OPTIONS => return options(&response),
        (None, StatusCode::METHOD_NOT_ALLOWED) => Error::MethodNotAllowed,
        (None, StatusCode::NOT_FOUND) => Error::NotFound,
        (None, _) => return response,
    };
    log(&error);
    render(&error, &request_id, response, &method)
}

fn options(router_answer: &Response) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    if let Some(allow) = router_answer.headers().get(ALLOW) {
        response.headers_mut().insert(ALLOW, allow.clone());
    }
    response
}

fn render(error: &Error, request_id: &RequestId, response: Response, method: &Method) -> Response {
    let status = error.status();
    let for_oauth = response.extensions().get::<ReadByOAuthClients>().is_some();
    let problem = Problem {
        kind: format!("urn:problem-type:bookshelf:{}", error.code()),
        title: status.canonical_reason().unwrap_or_default(),
        status: status.as_u16(),
        detail: error.detail(),
        request_id: request_id.to_string(),
        errors: error.fields().to_vec(),
        error: for_oauth.then(|| error.oauth_code()),
        error_description: for_oauth.then(|| error.detail()),
    };
    let (mut parts, _) = response.into_parts();
    let body = serde_json::to_vec(&problem).unwrap_or_default();
    let headers = &mut parts.headers;
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    headers.remove(CONTENT_LENGTH);
    if let Some(wait) = error.retry_after() {
        headers.insert(RETRY_AFTER, HeaderValue::from(whole_seconds(wait)));
    }
    if let Some(challenge) = error.challenge() {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    }
    let body = if method == Method::HEAD { Body::empty() } else { Body::from(body) };
    Response::from_parts(parts, body)
}

/// `wait` in seconds, rounded up: who waits that long has waited long enough.
pub(super) fn whole_seconds(wait: std::time::Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

fn log(error: &Error) {
    if let Some(cause) = error.cause() {
        tracing::error!(cause, code = error.code(), "a request failed");
    }
}
