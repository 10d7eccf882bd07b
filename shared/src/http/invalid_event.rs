//! Responds to events that the [event guard](crate::lambda::event) rejected.
//!
//! A rejected event still becomes a request, so that it is counted and logged like any other. The request carries the
//! error as an [`InvalidEvent`], and a layer around every route responds with it instead of calling the handler.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::error::Error;

/// Marks a request whose event was rejected, with the error that it gets.
#[derive(Debug, Clone)]
pub(crate) struct InvalidEvent(pub(crate) Error);

/// The layer around every route: lets only sound requests through.
pub(super) async fn reject_invalid_event(mut request: Request, next: Next) -> Response {
    match request.extensions_mut().remove::<InvalidEvent>() {
        Some(InvalidEvent(error)) => error.into_response(),
        None => next.run(request).await,
    }
}
