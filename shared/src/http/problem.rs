//! Problem details (RFC 9457): the one form of every error, the router's own included.
//!
//! An [`Error`] travels outwards beside an empty body. The layer `render_errors` gives it body and headers, and does
//! the same for the router's 404 and 405. On token endpoints it adds the members of RFC 6749 §5.2.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::error::{Descriptor, Error};
use crate::validation::FieldError;

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
    #[schema(value_type = String, example = "There is nothing here.")]
    detail: Cow<'static, str>,
    /// Names this request in the log.
    #[schema(example = "6b0e3d3e-0d6c-4a0e-9c39-6f3a1c2c6a10")]
    request_id: String,
    /// What is wrong with which field. The first 32; `detail` says how many more there are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false, max_items = 32)]
    errors: Vec<FieldError>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    #[schema(ignore)]
    oauth: Option<OAuthError>,
}

/// What token endpoints say beside it (RFC 6749 §5.2).
#[derive(Debug, Serialize, ToSchema)]
struct OAuthError {
    /// The error, in the words of RFC 6749.
    #[schema(example = "invalid_grant")]
    error: &'static str,
    /// `detail` again.
    #[schema(value_type = String, example = "The credentials are not valid.")]
    error_description: Cow<'static, str>,
}

/// A problem of an endpoint that OAuth clients read, for its documentation.
#[derive(ToSchema)]
#[expect(dead_code, reason = "read by the OpenAPI generator alone")]
pub(super) struct TokenProblem {
    #[serde(flatten)]
    problem: Problem,
    #[serde(flatten)]
    #[schema(inline)]
    oauth: OAuthError,
}

/// The id of one request, in its problem document and in every log line about it: Lambda's own request id.
#[derive(Debug, Clone, Default)]
pub(crate) struct RequestId(String);

impl RequestId {
    pub(crate) fn new(id: String) -> Self {
        Self(id)
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The paths of the routes that OAuth clients post to.
#[derive(Debug, Clone)]
pub(crate) struct TokenEndpoints(Arc<[String]>);

impl TokenEndpoints {
    /// Those with these paths, written as the router has them.
    pub(super) fn new(paths: Vec<String>) -> Self {
        Self(paths.into())
    }

    /// Whether `route` is one of them.
    fn contains(&self, route: Option<&MatchedPath>) -> bool {
        route.is_some_and(|route| self.0.iter().any(|path| path == route.as_str()))
    }
}

/// Marks a request to a token endpoint, whose errors carry the members of RFC 6749 §5.2.
#[derive(Debug, Clone, Copy)]
struct ForOAuthClient;

/// The layer that renders errors, and responds to `OPTIONS` with what the router allows. It knows the token endpoints
/// by their paths, so that it knows one whatever becomes of the request, a panic included.
pub(crate) async fn render_errors(
    State(token_endpoints): State<TokenEndpoints>,
    mut request: Request,
    next: Next,
) -> Response {
    // axum has chosen the route before it runs the layers of `Router::layer`, so the path is known already.
    if token_endpoints.contains(request.extensions().get()) {
        request.extensions_mut().insert(ForOAuthClient);
    }
    let renderer = ProblemRenderer::of(&request);
    renderer.render(next.run(request).await)
}

/// Renders the errors of one request. For layers that need the bytes of a response before it passes the outermost
/// layers.
#[derive(Debug)]
pub struct ProblemRenderer {
    method: Method,
    request_id: RequestId,
    for_oauth: bool,
}

impl ProblemRenderer {
    /// The renderer of this request's errors.
    #[must_use]
    pub fn of(request: &Request) -> Self {
        Self {
            method: request.method().clone(),
            request_id: request.extensions().get().cloned().unwrap_or_default(),
            for_oauth: request.extensions().get::<ForOAuthClient>().is_some(),
        }
    }

    /// `response` with its error, if it has one, as a body.
    #[must_use]
    pub fn render(&self, mut response: Response) -> Response {
        let error = match (response.extensions_mut().remove::<Error>(), response.status()) {
            (Some(error), _) => error,
            (None, StatusCode::METHOD_NOT_ALLOWED) if self.method == Method::OPTIONS => {
                return options(response);
            }
            (None, StatusCode::METHOD_NOT_ALLOWED) => Error::MethodNotAllowed,
            (None, StatusCode::NOT_FOUND) => Error::NotFound,
            (None, _) => return response,
        };
        log(&error);
        let descriptor = error.descriptor();
        let body = describe(&error, &descriptor, &self.request_id, self.for_oauth);
        with_problem(&descriptor, &body, response, &self.method)
    }
}

fn options(method_not_allowed: Response) -> Response {
    let (mut parts, _) = method_not_allowed.into_parts();
    parts.status = StatusCode::NO_CONTENT;
    parts.headers.remove(CONTENT_LENGTH);
    Response::from_parts(parts, Body::empty())
}

/// The most fields that a problem lists.
const MOST_ERRORS: usize = 32;

/// The longest name of a field in a problem, in code points. A client can make up longer ones.
const LONGEST_FIELD: usize = 64;

fn describe(error: &Error, descriptor: &Descriptor, request_id: &RequestId, for_oauth: bool) -> Problem {
    let detail = match error.fields().len().saturating_sub(MOST_ERRORS) {
        0 => descriptor.detail.clone(),
        more => Cow::Owned(format!("{} {more} more are not listed.", descriptor.detail)),
    };
    let oauth = OAuthError { error: descriptor.oauth_code, error_description: detail.clone() };
    Problem {
        kind: format!("urn:problem-type:bookshelf:{}", descriptor.code),
        title: descriptor.status.canonical_reason().unwrap_or_default(),
        status: descriptor.status.as_u16(),
        detail,
        request_id: request_id.to_string(),
        errors: error.fields().iter().take(MOST_ERRORS).map(listed).collect(),
        oauth: for_oauth.then_some(oauth),
    }
}

/// `error` with the name of its field cut to a bounded length.
fn listed(error: &FieldError) -> FieldError {
    let mut field = error.field.clone();
    if let Some((end, _)) = field.char_indices().nth(LONGEST_FIELD) {
        field.truncate(end);
        field.push('…');
    }
    FieldError { field, detail: error.detail.clone() }
}

/// `error` as it is written out, for the `OpenAPI` description.
pub(super) fn example(error: &Error, for_oauth: bool) -> Value {
    let request_id = RequestId::new("6b0e3d3e-0d6c-4a0e-9c39-6f3a1c2c6a10".to_owned());
    let problem = describe(error, &error.descriptor(), &request_id, for_oauth);
    serde_json::to_value(problem).unwrap_or_default()
}

/// `response` with `problem` as its body, and the headers of the error.
fn with_problem(descriptor: &Descriptor, problem: &Problem, response: Response, method: &Method) -> Response {
    let (mut parts, _) = response.into_parts();
    let body = serde_json::to_vec(problem).unwrap_or_default();
    let headers = &mut parts.headers;
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    // A cache may keep a 404 or 405 that says nothing about it (RFC 9111 §4.2.2); what failed may work next time.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.remove(CONTENT_LENGTH);
    if let Some(wait) = descriptor.retry_after {
        headers.insert(RETRY_AFTER, HeaderValue::from(whole_seconds(wait)));
    }
    if let Some(challenge) = descriptor.challenge {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    }
    let body = if method == Method::HEAD { Body::empty() } else { Body::from(body) };
    Response::from_parts(parts, body)
}

/// `wait` in seconds, rounded up: a client that waits that long has waited long enough.
pub(super) fn whole_seconds(wait: std::time::Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

fn log(error: &Error) {
    if let Some(cause) = error.cause() {
        tracing::error!(cause, code = error.code(), "a request failed");
    }
}
