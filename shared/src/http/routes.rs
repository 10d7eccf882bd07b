//! The routes of a function: the only way to put a handler behind a path.
//!
//! Every route gets the layers that no route may lack, from the outside in: its quota, unless it has none, and the
//! rejection of invalid events. Layers of a route's own, idempotency for instance, are put on before and are innermost.
//! A layer holds what it needs, so nothing is looked up while a request is served.

use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderValue, header};
use axum::middleware::{from_fn, from_fn_with_state};
use tower_http::set_header::SetResponseHeaderLayer;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter, UtoipaMethodRouterExt as _};

use super::caller::Authenticator;
use super::invalid_event::reject_invalid_event;
use super::problem::TokenEndpoints;
use super::rate_limit::{self, RateLimit};
use crate::identity::tokens::Verifier;
use crate::protection::limiter::Limiter;
use crate::protection::quota::Quota;

/// The routes of a function whose state is `S`, in the making. `routes!` names the handlers of one path.
pub struct Routes<S> {
    router: OpenApiRouter<S>,
    limiter: Limiter,
    token_endpoints: Vec<String>,
}

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    /// No routes yet. Those to come count their requests with `limiter`.
    #[must_use]
    pub fn new(limiter: &Limiter) -> Self {
        Self { router: OpenApiRouter::new(), limiter: limiter.clone(), token_endpoints: Vec::new() }
    }

    /// Adds a route whose requests count by network.
    #[must_use]
    pub fn limited(self, quota: Quota, routes: UtoipaMethodRouter<S>) -> Self {
        let rule = RateLimit::by_network(self.limiter.clone(), quota);
        self.add_limited(rule, routes)
    }

    /// Adds a route whose requests count by the session that `verifier` finds in their token, wherever they come from.
    /// Those without a good token count by network. Not by user: whoever has stolen a session could use up its owner's
    /// quota.
    #[must_use]
    pub fn limited_by_session(
        self,
        quota: Quota,
        verifier: &Verifier,
        routes: UtoipaMethodRouter<S>,
    ) -> Self {
        let rule = RateLimit::by_session(self.limiter.clone(), quota, verifier.clone());
        self.add_limited(rule, routes)
    }

    /// Adds a route whose requests count by network and whose writes need a signed-in user, who is looked up while the
    /// request is counted.
    #[must_use]
    pub fn limited_signed_in(
        self,
        quota: Quota,
        authenticator: &Authenticator,
        routes: UtoipaMethodRouter<S>,
    ) -> Self {
        let rule = RateLimit::by_network(self.limiter.clone(), quota);
        self.add_limited(rule.authenticating(authenticator.clone()), routes)
    }

    /// Adds a route that OAuth clients post to, limited by network: its errors carry the members of RFC 6749 §5.2.
    #[must_use]
    pub fn token_endpoint(mut self, quota: Quota, routes: UtoipaMethodRouter<S>) -> Self {
        self.token_endpoints.extend(routes.1.paths.keys().cloned());
        self.limited(quota, routes)
    }

    /// Adds a route without a quota.
    #[must_use]
    pub fn unlimited(self, routes: UtoipaMethodRouter<S>) -> Self {
        self.add(routes.layer(from_fn(reject_invalid_event)))
    }

    /// Forbids caches to store the responses of the routes so far (RFC 9111 §5.2.2.5).
    #[must_use]
    pub fn not_cached(self) -> Self {
        let no_store = HeaderValue::from_static("no-store");
        let layer = SetResponseHeaderLayer::overriding(header::CACHE_CONTROL, no_store);
        Self { router: self.router.layer(layer), ..self }
    }

    /// Their description.
    #[must_use]
    pub fn into_openapi(self) -> OpenApi {
        self.router.into_openapi()
    }

    /// The router, and which of its routes are token endpoints.
    pub(crate) fn into_parts(self) -> (Router<S>, TokenEndpoints) {
        (self.router.into(), TokenEndpoints::new(self.token_endpoints))
    }

    fn add_limited(self, rule: RateLimit, routes: UtoipaMethodRouter<S>) -> Self {
        let layers = (from_fn_with_state(Arc::new(rule), rate_limit::enforce), from_fn(reject_invalid_event));
        self.add(routes.layer(layers))
    }

    fn add(self, routes: UtoipaMethodRouter<S>) -> Self {
        Self { router: self.router.routes(routes), ..self }
    }
}
