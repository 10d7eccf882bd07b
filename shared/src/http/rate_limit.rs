//! A quota on a route: refuses with 429, and tells every caller what is left.
//!
//! `RateLimit-Policy` and `RateLimit` follow draft-ietf-httpapi-ratelimit-headers (Structured Fields, RFC 9651).

use std::future::{Future, ready};
use std::pin::Pin;

use axum::extract::Request;
use axum::http::{HeaderValue, Method, response};
use axum::middleware::{FromFnLayer, Next, from_fn};
use axum::response::{IntoResponse, Response};

use super::caller::bearer_token;
use super::client_ip::ClientIp;
use super::error::Error;
use super::problem::whole_seconds;
use crate::identity::tokens::{Kind, Verifier};
use crate::protection::limiter::{By, Identity, Limiter, Outage, Quota, Unavailable, Verdict};

type Answer = Pin<Box<dyn Future<Output = Response> + Send>>;

/// A layer that counts each request against `quota`. The limiter is put into the request at the edge, and so is
/// what checks tokens, in functions that have it.
pub fn throttle(
    quota: Quota,
) -> FromFnLayer<impl Fn(Request, Next) -> Answer + Clone + Send + Sync + 'static, (), (Request,)> {
    from_fn(move |request, next| -> Answer { Box::pin(limit(quota, request, next)) })
}

async fn limit(quota: Quota, request: Request, next: Next) -> Response {
    if request.method() == Method::OPTIONS {
        // Asks what may be asked, and costs nothing: a browser's preflight must not use up its user's quota.
        return next.run(request).await;
    }
    let Some(limiter) = request.extensions().get::<Limiter>().cloned() else {
        return Error::Internal("the edge put no limiter into the request".to_owned()).into_response();
    };
    let identity = identify(quota, &request);
    let identity = identity.as_deref().map_or(Identity::Unknown, Identity::Of);
    if let Some(refusal) = limiter.recall(quota, identity) {
        return refuse(refusal);
    }
    // A safe method (RFC 9110 §9.2.1) changes nothing. So it is worked on while it is counted, and the trips of both
    // travel together; who turns out to be refused gets nothing of it. A quota that refuses without Redis has a reason
    // to be asked first.
    let ahead = request.method().is_safe() && quota.outage == Outage::Admit;
    let counting = limiter.admit(quota, identity);
    let serving = serve(request, next);
    if ahead {
        let (counted, response) = tokio::join!(counting, serving);
        settle(quota, counted, ready(response)).await
    } else {
        settle(quota, counting.await, serving).await
    }
}

async fn settle(
    quota: Quota,
    counted: Result<Verdict, Unavailable>,
    serving: impl Future<Output = Response>,
) -> Response {
    match counted {
        Ok(verdict) if verdict.admitted => with_headers(serving.await, verdict),
        Ok(verdict) => refuse(verdict),
        Err(error) if quota.outage == Outage::Refuse => Error::from(error).into_response(),
        Err(error) => {
            tracing::warn!(quota = quota.name, %error, "admitted uncounted");
            serving.await
        }
    }
}

fn refuse(verdict: Verdict) -> Response {
    with_headers(Error::TooManyRequests(verdict.reset).into_response(), verdict)
}

/// Who sent the request, as `quota` wants to know it. A token counts if its signature is good: whether its session
/// is still alive is looked up later, for those who are let in.
fn identify(quota: Quota, request: &Request) -> Option<String> {
    let verifier = request.extensions().get::<Option<Verifier>>().filter(|_| quota.by == By::User);
    if let (Some(Some(verifier)), Ok(token)) = (verifier, bearer_token(request.headers()))
        && let Ok(claims) = verifier.verify(token, Kind::Access)
    {
        return Some(format!("user:{}", claims.sub));
    }
    let network = ClientIp::of(request.extensions());
    network.is_known().then(|| network.to_string())
}

/// Hands the request on, unless the event it came from was refused: that counts like any other request.
async fn serve(mut request: Request, next: Next) -> Response {
    match request.extensions_mut().remove::<Result<(), Error>>() {
        Some(Err(error)) => error.into_response(),
        _ => next.run(request).await,
    }
}

fn with_headers(response: Response, verdict: Verdict) -> Response {
    let (mut parts, body) = response.into_parts();
    let Quota { name, limit, window, .. } = verdict.quota;
    insert(&mut parts, "ratelimit-policy", format!("\"{name}\";q={limit};w={}", window.as_secs()));
    let reset = whole_seconds(verdict.reset);
    insert(&mut parts, "ratelimit", format!("\"{name}\";r={};t={reset}", verdict.remaining));
    Response::from_parts(parts, body)
}

fn insert(parts: &mut response::Parts, name: &'static str, value: String) {
    if let Ok(value) = HeaderValue::try_from(value) {
        parts.headers.insert(name, value);
    }
}
