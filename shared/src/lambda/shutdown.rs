//! A process that Lambda ends (SIGTERM) first finishes the events it is working on.
//!
//! [`InFlight`] is the outermost layer and counts the events from their arrival until their responses are sent;
//! further inside, a response is known before it is sent. [`shutdown_signal`] returns after the signal, when the
//! count is zero.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use lambda_http::lambda_runtime::LambdaInvocation;
use lambda_http::lambda_runtime::tower::{Layer, Service};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tracing::Instrument as _;

use crate::telemetry;

/// The events whose responses are not sent yet. As a layer it counts them, and gives each its span in the log.
#[derive(Clone, Default)]
pub(super) struct InFlight(Arc<watch::Sender<usize>>);

/// Returns when the process was told to end and the response to the last event in flight is sent.
pub(super) async fn shutdown_signal(in_flight: InFlight) {
    // A system without this signal ends processes in another way.
    let Ok(mut terminated) = signal(SignalKind::terminate()) else { return std::future::pending().await };
    terminated.recv().await;
    in_flight.drained().await;
}

impl InFlight {
    /// Returns when no event is in flight.
    async fn drained(&self) {
        let _ = self.0.subscribe().wait_for(|events| *events == 0).await;
    }

    /// Counts one event until the value that this returns is dropped.
    fn begin(&self) -> InFlightEvent {
        self.0.send_modify(|events| *events += 1);
        InFlightEvent(self.clone())
    }
}

/// One event in flight, until this is dropped.
struct InFlightEvent(InFlight);

impl Drop for InFlightEvent {
    fn drop(&mut self) {
        self.0.0.send_modify(|events| *events -= 1);
    }
}

impl<S> Layer<S> for InFlight {
    type Service = InFlightService<S>;

    fn layer(&self, inner: S) -> InFlightService<S> {
        InFlightService { inner, in_flight: self.clone() }
    }
}

/// A service whose events are counted as [`InFlight`].
#[derive(Clone)]
pub(super) struct InFlightService<S> {
    inner: S,
    in_flight: InFlight,
}

impl<S> Service<LambdaInvocation> for InFlightService<S>
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
        let in_flight = self.in_flight.begin();
        let context = &event.context;
        let span = telemetry::request_span(&context.request_id, context.xray_trace_id.as_deref());
        let response_future = span.in_scope(|| self.inner.call(event));
        let counted_future = async move {
            let _in_flight = in_flight;
            response_future.await
        };
        Box::pin(counted_future.instrument(span))
    }
}
