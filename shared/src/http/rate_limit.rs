//! The rate limit of a route: refuses with 429, and tells every client what is left of the quota.
//!
//! `RateLimit-Policy` and `RateLimit` follow draft-ietf-httpapi-ratelimit-headers (Structured Fields, RFC 9651).

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, response};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::admission::Admission;
use super::caller::{Authenticator, bearer_token};
use super::client_network::ClientNetwork;
use super::error::Error;
use super::problem::whole_seconds;
use crate::identity::tokens::{Kind, Verifier};
use crate::protection::limiter::{Decision, Limiter, RateLimitKey, Unavailable};
use crate::protection::quota::{Outage, Quota};
use crate::telemetry::metrics::{self, Metric};

/// The quota of a route, and what it takes to count against it.
pub(super) struct RateLimit {
    limiter: Limiter,
    quota: Quota,
    /// Finds the session by which requests count; without it they count by network.
    verifier: Option<Verifier>,
    /// Finds the user of an unsafe request while it is counted.
    authenticator: Option<Authenticator>,
}

impl RateLimit {
    /// Counts the requests of each network, an IPv4 address or an IPv6 /64.
    pub(super) fn by_network(limiter: Limiter, quota: Quota) -> Self {
        Self { quota: limiter.configured(quota), limiter, verifier: None, authenticator: None }
    }

    /// Counts the requests of each session, and those without a valid token by network.
    pub(super) fn by_session(limiter: Limiter, quota: Quota, verifier: Verifier) -> Self {
        Self { verifier: Some(verifier), ..Self::by_network(limiter, quota) }
    }

    /// Looks the user of an unsafe request up while it is counted.
    pub(super) fn authenticating(self, authenticator: Authenticator) -> Self {
        Self { authenticator: Some(authenticator), ..self }
    }

    /// The name under which the client of `request` is counted; `None` if nothing is known of it. The signature of a
    /// token is enough: its session is looked up later, and only for a request that is admitted.
    fn client(&self, request: &Request) -> Option<String> {
        if let Some(verifier) = &self.verifier
            && let Ok(token) = bearer_token(request.headers())
            && let Ok(claims) = verifier.verify(token, Kind::Access)
        {
            return Some(format!("session:{}", claims.sid));
        }
        ClientNetwork::name(request.extensions())
    }

    /// Whether a request may be served after the limiter decided so, or failed to decide.
    fn verdict(&self, decision: &Result<Decision, Unavailable>) -> super::Result<()> {
        match decision {
            Ok(decision) if decision.admitted => Ok(()),
            Ok(decision) => Err(Error::TooManyRequests(decision.reset)),
            Err(error) if self.quota.outage == Outage::Refuse => Err(Error::Unavailable(error.to_string())),
            Err(error) => {
                metrics::count(Metric::UncountedRequests);
                tracing::warn!(quota = self.quota.name, %error, "admitted uncounted");
                Ok(())
            }
        }
    }
}

/// The layer: counts each request against the quota of `rule`.
pub(super) async fn enforce(
    State(rule): State<Arc<RateLimit>>,
    mut request: Request,
    next: Next,
) -> Response {
    if request.method() == Method::OPTIONS {
        // Asks what may be asked, and costs nothing: a browser's preflight must not use up its user's quota.
        return next.run(request).await;
    }
    let client = rule.client(&request);
    let key = client.as_deref().map_or(RateLimitKey::Unknown, RateLimitKey::Client);
    let log = match rule.limiter.log(rule.quota, key) {
        Ok(log) => log,
        Err(refusal) => return with_headers(Error::TooManyRequests(refusal.reset).into_response(), refusal),
    };
    // A quota that refuses without Redis has a reason to be asked first.
    let is_counted_first = rule.quota.outage == Outage::Refuse;
    if request.method().is_safe() && !is_counted_first {
        let (verdict, admission) = Admission::pending();
        request.extensions_mut().insert(admission);
        let counting = async {
            let decision = log.count().await;
            let admitted = rule.verdict(&decision);
            verdict.tell(admitted.clone());
            (decision, admitted)
        };
        // A client that turns out to be refused gets nothing of the response.
        let ((decision, admitted), response) = tokio::join!(counting, next.run(request));
        return respond(&decision, admitted.map(|()| response));
    }
    let decision = match &rule.authenticator {
        Some(authenticator) if !is_counted_first => {
            let (mut parts, body) = request.into_parts();
            // What is found out is remembered in the request, for the handler.
            let (decision, _) = tokio::join!(log.count(), authenticator.identify(&mut parts));
            request = Request::from_parts(parts, body);
            decision
        }
        _ => log.count().await,
    };
    let response = match rule.verdict(&decision) {
        Ok(()) => Ok(next.run(request).await),
        Err(error) => Err(error),
    };
    respond(&decision, response)
}

/// The response, or the refusal, with the numbers of the decision.
fn respond(decision: &Result<Decision, Unavailable>, response: super::Result<Response>) -> Response {
    let response = response.unwrap_or_else(IntoResponse::into_response);
    match decision {
        Ok(decision) => with_headers(response, *decision),
        Err(_) => response,
    }
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
