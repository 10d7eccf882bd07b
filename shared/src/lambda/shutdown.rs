//! The events in hand: each has a name in the log, and a process that is asked to end (SIGTERM) first hands in their
//! answers.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use lambda_http::lambda_runtime::LambdaInvocation;
use lambda_http::lambda_runtime::tower::{Layer, Service};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tracing::Instrument as _;

use crate::telemetry;

/// Counts the events whose answer is not handed in yet, and names each in the log. As the outermost layer: inside, the
/// answer is known before it is sent.
#[derive(Clone)]
pub(super) struct InHand(Arc<watch::Sender<usize>>);

impl InHand {
    pub(super) fn nothing() -> Self {
        Self(Arc::new(watch::Sender::new(0)))
    }

    /// Returns when the process is asked to end and nothing is in hand.
    pub(super) async fn asked_to_end(&self) {
        // A system without this signal ends processes in another way.
        let Ok(mut asked) = signal(SignalKind::terminate()) else { return std::future::pending().await };
        asked.recv().await;
        let _ = self.0.subscribe().wait_for(|events| *events == 0).await;
    }
}

impl<S> Layer<S> for InHand {
    type Service = Counted<S>;

    fn layer(&self, inner: S) -> Counted<S> {
        Counted { inner, in_hand: self.clone() }
    }
}

/// What [`InHand`] makes of a service.
#[derive(Clone)]
pub(super) struct Counted<S> {
    inner: S,
    in_hand: InHand,
}

impl<S> Service<LambdaInvocation> for Counted<S>
where
    S: Service<LambdaInvocation>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, event: LambdaInvocation) -> Self::Future {
        let one = One::taken(&self.in_hand);
        let span = telemetry::request_span(&event.context.request_id);
        let answering = span.in_scope(|| self.inner.call(event));
        let answering = async move {
            let _one = one;
            answering.await
        };
        Box::pin(answering.instrument(span))
    }
}

/// An event in hand, until this is dropped.
struct One(InHand);

impl One {
    fn taken(in_hand: &InHand) -> Self {
        in_hand.0.send_modify(|events| *events += 1);
        Self(in_hand.clone())
    }
}

impl Drop for One {
    fn drop(&mut self) {
        self.0.0.send_modify(|events| *events -= 1);
    }
}
