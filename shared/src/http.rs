//! HTTP: extractors, responses, errors, and the routes with the layers that every one of them has.

pub mod admission;
pub mod caller;
pub mod client_network;
pub mod conditional;
pub(crate) mod cors;
pub mod error;
pub mod extract;
mod idempotency_token;
pub(crate) mod invalid_event;
pub mod json_response;
pub mod openapi;
pub(crate) mod origin_secret;
pub mod problem;
mod rate_limit;
pub mod routes;

pub use admission::Admission;
pub use caller::{Admin, Authenticator, Caller};
pub use client_network::ClientNetwork;
pub use conditional::{EntityTag, IfMatch, IfNoneMatch};
pub use error::{Error, Result};
pub use extract::{Form, FormOrJson, Json, JsonObject, NumericId, Query, UuidId};
pub use json_response::JsonResponse;
pub use routes::Routes;
