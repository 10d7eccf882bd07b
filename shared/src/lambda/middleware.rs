//! The middleware stack: the outermost layers, the same for every function. They give the request its id, log its
//! response, render errors as problem details, and catch panics.

use std::any::Any;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::HeaderValue;
use axum::http::header::X_CONTENT_TYPE_OPTIONS;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use lambda_http::RequestExt as _;
use tower::util::{MapResponseLayer, option_layer};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use tracing::Level;

use crate::config::{self, Env};
use crate::http::cors::{self, allow_origins};
use crate::http::error::Error;
use crate::http::origin_secret::{OriginSecret, require_secret};
use crate::http::problem::{self, RequestId};
use crate::lambda::function::Function;
use crate::stores::redis;
use crate::telemetry::metrics::{self, Metric, Source};

/// The whole function as a router: its routes, within the layers that all functions share. Reads `STACK_NAME`,
/// `ORIGIN_SECRET_DIGESTS` and `CORS_ORIGINS`.
pub(super) fn router<F: Function>(function: F, env: &Env) -> Result<Router, config::Error> {
    let (routes, token_endpoints) = function.routes().into_parts();
    let source = Arc::new(Source { stack: env.stack_name()?.to_owned(), function: F::NAME });
    let secret = OriginSecret::from_env(env)?.map(Arc::new);
    let cors = cors::from_env(env)?;
    let nosniff = HeaderValue::from_static("nosniff");
    // In a tuple of layers the first one sees a request first. They are applied together, since each call of `layer`
    // adds a service in a box of its own, which axum clones for every request.
    //
    // axum runs these layers after it has chosen the route, so they find `MatchedPath` in the request.
    Ok(routes.with_state(function).layer((
        from_fn_with_state(source, log_request),
        SetResponseHeaderLayer::if_not_present(X_CONTENT_TYPE_OPTIONS, nosniff),
        from_fn_with_state(token_endpoints, problem::render_errors),
        // Outside of CORS: a preflight request is no exception from the rule that everything comes from the CDN.
        option_layer(secret.map(|secret| from_fn_with_state(secret, require_secret))),
        option_layer(cors.map(|cors| from_fn_with_state(cors, allow_origins))),
        // A layer that may be absent needs a body of the same type inside and outside.
        MapResponseLayer::new(|response: Response<_>| response.map(Body::new)),
        CatchPanicLayer::custom(on_panic),
    )))
}

/// Gives the request its id, and logs what became of it: one line in the log, and the metrics of `CloudWatch`.
async fn log_request(State(source): State<Arc<Source>>, mut request: Request, next: Next) -> Response {
    let id = request.lambda_context_ref().map(|context| context.request_id.clone()).unwrap_or_default();
    request.extensions_mut().insert(RequestId::new(id.clone()));
    let response_future = async move {
        let (method, began) = (request.method().clone(), Instant::now());
        // The path may hold what a client put there by mistake, so only those who debug see it.
        let path = tracing::enabled!(Level::DEBUG).then(|| request.uri().path().to_owned());
        let route = request.extensions().get::<MatchedPath>().cloned();
        // Entered here, around the whole request: whatever uses Redis below shares one timeout.
        let response = redis::within_request(next.run(request)).await;
        if response.status().is_server_error() {
            metrics::count(Metric::ServerErrors);
        }
        let route = route.as_ref().map(MatchedPath::as_str);
        let status = response.status().as_u16();
        let micros = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        tracing::info!(%method, route, path, status, micros, "answered");
        response
    };
    // Around everything, the count of server errors above included.
    metrics::within_request(&source, &id, response_future).await
}

#[expect(clippy::needless_pass_by_value, reason = "the layer hands it over")]
fn on_panic(panic: Box<dyn Any + Send>) -> Response {
    let message = panic.downcast_ref::<String>().map(String::as_str);
    let message = message.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
    Error::Internal(format!("a handler panicked: {message}")).into_response()
}
