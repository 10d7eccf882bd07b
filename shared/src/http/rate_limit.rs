//! The rate limit of a route: refuses with 429, and tells every caller what is left of the quota.
//!
//! `RateLimit-Policy` and `RateLimit` follow draft-ietf-httpapi-ratelimit-headers (Structured Fields, RFC 9651).

use std::future::{Future, ready};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, response};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::caller::bearer_token;
use super::client_ip::ClientIp;
use super::error::Error;
use super::problem::whole_seconds;
use crate::identity::tokens::{Kind, Verifier};
use crate::protection::limiter::{Decision, Identity, Limiter, Unavailable};
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

    /// Counts the requests of each user, and by network those of nobody known.
    pub(super) fn by_user(limiter: Limiter, quota: Quota, verifier: Verifier) -> Self {
        Self { verifier: Some(verifier), ..Self::by_network(limiter, quota) }
    }

    /// The name under which the sender of `request` is counted. The signature of a token is enough: whether its
    /// session is still alive is looked up later, for those who are admitted.
    fn identify(&self, request: &Request) -> Option<String> {
        if let (Some(verifier), Ok(token)) = (&self.verifier, bearer_token(request.headers()))
            && let Ok(claims) = verifier.verify(token, Kind::Access)
        {
            return Some(format!("user:{}", claims.sub));
        }
        let network = ClientIp::of(request.extensions());
        network.is_known().then(|| network.to_string())
    }

    /// The answer to a request that was counted with this outcome.
    async fn answer(
        &self,
        counted: Result<Decision, Unavailable>,
        serving: impl Future<Output = Response>,
    ) -> Response {
        match counted {
            Ok(decision) if decision.admitted => with_headers(serving.await, decision),
            Ok(decision) => refuse(decision),
            Err(error) if self.quota.outage == Outage::Refuse => Error::from(error).into_response(),
            Err(error) => {
                tracing::warn!(quota = self.quota.name, %error, "admitted uncounted");
                serving.await
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
    let identity = rule.identify(&request);
    let identity = identity.as_deref().map_or(Identity::Unknown, Identity::Of);
    if let Some(refusal) = rule.limiter.remembered_refusal(rule.quota, identity) {
        return refuse(refusal);
    }
    // A safe method (RFC 9110 §9.2.1) changes nothing. So it is served while it is counted, and the trips to both
    // stores travel together; a caller who turns out to be refused gets nothing of the answer. A quota that refuses
    // without Redis has a reason to be asked first.
    let at_once = request.method().is_safe() && rule.quota.outage == Outage::Admit;
    let counting = rule.limiter.admit(rule.quota, identity);
    let serving = next.run(request);
    if at_once {
        let (counted, response) = tokio::join!(counting, serving);
        rule.answer(counted, ready(response)).await
    } else {
        rule.answer(counting.await, serving).await
    }
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
