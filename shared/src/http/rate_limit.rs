//! The rate limit of a route: refuses with 429, and tells every client what is left of the quota.
//!
//! `RateLimit-Policy` and `RateLimit` follow draft-ietf-httpapi-ratelimit-headers (Structured Fields, RFC 9651).

use std::future::{Future, ready};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, response};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::caller::bearer_token;
use super::client_network::ClientNetwork;
use super::error::Error;
use super::problem::whole_seconds;
use crate::identity::tokens::{Kind, Verifier};
use crate::protection::limiter::{Decision, Limiter, RateLimitKey, Unavailable};
use crate::protection::quota::{Outage, Quota};

/// The quota of a route, and what it takes to count against it.
pub(super) struct RateLimit {
    limiter: Limiter,
    quota: Quota,
    /// Finds the user by whom requests count; without it they count by network.
    verifier: Option<Verifier>,
}

impl RateLimit {
    /// Counts the requests of each network, an IPv4 address or an IPv6 /64.
    pub(super) fn by_network(limiter: Limiter, quota: Quota) -> Self {
        Self { quota: limiter.configured(quota), limiter, verifier: None }
    }

    /// Counts the requests of each user, and those without a valid token by network.
    pub(super) fn by_user(limiter: Limiter, quota: Quota, verifier: Verifier) -> Self {
        Self { verifier: Some(verifier), ..Self::by_network(limiter, quota) }
    }

    /// The name under which the client of `request` is counted; `None` if nothing is known of it. The signature of a
    /// token is enough: its session is looked up later, and only for a request that is admitted.
    fn client(&self, request: &Request) -> Option<String> {
        if let Some(verifier) = &self.verifier
            && let Ok(token) = bearer_token(request.headers())
            && let Ok(claims) = verifier.verify(token, Kind::Access)
        {
            return Some(format!("user:{}", claims.sub));
        }
        ClientNetwork::name(request.extensions())
    }

    /// The response to a request about which the limiter decided so; `response_future` is the handler's.
    async fn respond(
        &self,
        decision: Result<Decision, Unavailable>,
        response_future: impl Future<Output = Response>,
    ) -> Response {
        match decision {
            Ok(decision) if decision.admitted => with_headers(response_future.await, decision),
            Ok(decision) => refuse(decision),
            Err(error) if self.quota.outage == Outage::Refuse => Error::from(error).into_response(),
            Err(error) => {
                tracing::warn!(quota = self.quota.name, %error, "admitted uncounted");
                response_future.await
            }
        }
    }
}

/// The layer: counts each request against the quota of `rule`.
pub(super) async fn enforce(State(rule): State<Arc<RateLimit>>, request: Request, next: Next) -> Response {
    if request.method() == Method::OPTIONS {
        // Asks what may be asked, and costs nothing: a browser's preflight must not use up its user's quota.
        return next.run(request).await;
    }
    let client = rule.client(&request);
    let key = client.as_deref().map_or(RateLimitKey::Unknown, RateLimitKey::Client);
    // A safe method (RFC 9110 §9.2.1) changes nothing. So it is served while it is counted, and the trips to both
    // stores travel together; a client that turns out to be refused gets nothing of the response. A quota that refuses
    // without Redis has a reason to be asked first.
    if !request.method().is_safe() || rule.quota.outage == Outage::Refuse {
        let decision = rule.limiter.admit(rule.quota, key).await;
        return rule.respond(decision, next.run(request)).await;
    }
    let log = match rule.limiter.log(rule.quota, key) {
        Ok(log) => log,
        Err(refusal) => return refuse(refusal),
    };
    let (decision, response) = tokio::join!(log.count(), next.run(request));
    rule.respond(decision, ready(response)).await
}

fn refuse(decision: Decision) -> Response {
    with_headers(Error::TooManyRequests(decision.reset).into_response(), decision)
}

fn with_headers(response: Response, decision: Decision) -> Response {
    let (mut parts, body) = response.into_parts();
    let Quota { name, limit, window, .. } = decision.quota;
    insert(&mut parts, "ratelimit-policy", format!("\"{name}\";q={limit};w={}", window.as_secs()));
    let reset = whole_seconds(decision.reset);
    insert(&mut parts, "ratelimit", format!("\"{name}\";r={};t={reset}", decision.remaining));
    Response::from_parts(parts, body)
}

fn insert(parts: &mut response::Parts, name: &'static str, value: String) {
    if let Ok(value) = HeaderValue::try_from(value) {
        parts.headers.insert(name, value);
    }
}
