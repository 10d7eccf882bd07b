//! HTTP: what a request may look like, who sends it, and what every response looks like.

pub mod caller;
pub mod client_ip;
pub mod conditional;
pub mod error;
pub mod extract;
mod idempotent_write;
pub mod json_response;
pub mod openapi;
pub mod problem;
pub mod rate_limit;

pub use caller::{Admin, Caller};
pub use client_ip::ClientIp;
pub use conditional::{EntityTag, IfMatch, IfNoneMatch};
pub use error::{Error, Result};
pub use extract::{Form, FormOrJson, Json, JsonObject, NumericId, Query, UuidId};
pub use json_response::Answer;
pub use rate_limit::throttle;
