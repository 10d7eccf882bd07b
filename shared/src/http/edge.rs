//! The outermost layers, the same for every function: the request's id and log line, caught panics, errors
//! written out.

use std::any::Any;
use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::http::HeaderValue;
use axum::http::header::X_CONTENT_TYPE_OPTIONS;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router};
use lambda_http::RequestExt as _;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use tracing::Instrument as _;

use super::error::Error;
use super::problem::{self, RequestId};
use crate::function::Function;
use crate::metrics::{self, Metric};
use crate::{redis, telemetry};

/// The whole function as a router: its routes, between the layers that all functions share.
pub fn router<F: Function>(function: F) -> Router {
    let (limiter, verifier) = (function.limiter().clone(), function.verifier().cloned());
    let mut routes: Router<F> = F::routes().into();
    if let Some(verifier) = verifier {
        routes = routes.layer(Extension(verifier));
    }
    let nosniff = HeaderValue::from_static("nosniff");
    // The last layer added sees a request first.
    routes
        .with_state(function.clone())
        // For layers on routes: unlike handlers they have no state.
        .layer(Extension(function))
        .layer(Extension(limiter))
        .layer(CatchPanicLayer::custom(on_panic))
        .layer(from_fn(problem::write_out))
        .layer(SetResponseHeaderLayer::if_not_present(X_CONTENT_TYPE_OPTIONS, nosniff))
        .layer(from_fn(|request, next| identify_and_log(F::NAME, request, next)))
}

async fn identify_and_log(function: &'static str, mut request: Request, next: Next) -> Response {
    let id = request.lambda_context_ref().map(|context| context.request_id.clone()).unwrap_or_default();
    let span = telemetry::request_span(&id);
    request.extensions_mut().insert(RequestId::new(id.clone()));
    let answering = async move {
        let (method, began) = (request.method().clone(), Instant::now());
        let route = request.extensions().get::<MatchedPath>().cloned();
        let response = redis::within_request(next.run(request)).await;
        if response.status().is_server_error() {
            metrics::count(Metric::ServerErrors);
        }
        let route = route.as_ref().map(MatchedPath::as_str);
        let status = response.status().as_u16();
        let micros = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        tracing::info!(%method, route, status, micros, "answered");
        response
    };
    metrics::within_request(function, &id, answering).instrument(span).await
}

#[expect(clippy::needless_pass_by_value, reason = "the layer hands it over")]
fn on_panic(panic: Box<dyn Any + Send>) -> Response {
    let message = panic.downcast_ref::<String>().map(String::as_str);
    let message = message.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
    Error::Internal(format!("a handler panicked: {message}")).into_response()
}
