//! What a request may begin while the rate limiter still counts it.
//!
//! The handler of a safe method (RFC 9110 §9.2.1) runs while its request is counted, so that the trips to both stores
//! travel together. A look at one primary key, or into the cache, costs nothing that grows, and may be wasted on a
//! client that turns out to be refused. Whatever costs more, a list or a search for instance, first waits for
//! [`Admission::granted`]: otherwise a client could have it for nothing, by spreading refused requests over many
//! execution environments.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use tokio::sync::watch;

use super::error::{Error, Result};

/// The verdict of the rate limiter on this request, which may still be to come. An extractor.
#[derive(Debug, Clone)]
#[must_use = "the verdict has to be waited for"]
pub struct Admission(Option<watch::Receiver<Option<Result<()>>>>);

/// Tells the handler the verdict.
pub(super) struct Verdict(watch::Sender<Option<Result<()>>>);

impl Admission {
    /// Waits until the request is counted. An error is the response to it; the work must not begin then.
    pub async fn granted(self) -> Result<()> {
        // A request that was counted before its handler ran has been admitted.
        let Some(mut verdict) = self.0 else { return Ok(()) };
        let known = verdict.wait_for(Option::is_some).await;
        known.ok().and_then(|verdict| verdict.clone()).unwrap_or_else(|| Err(not_counted()))
    }

    /// An admission that is still to be decided.
    pub(super) fn pending() -> (Verdict, Self) {
        let (sender, receiver) = watch::channel(None);
        (Verdict(sender), Self(Some(receiver)))
    }
}

impl Verdict {
    pub(super) fn tell(self, verdict: Result<()>) {
        self.0.send_replace(Some(verdict));
    }
}

fn not_counted() -> Error {
    Error::Internal("a request was answered before it was counted".to_owned())
}

impl<S: Sync> FromRequestParts<S> for Admission {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or(Self(None)))
    }
}
