//! HTTP: what a request may look like, who sends it, and what every answer looks like.

pub mod answer;
pub mod caller;
pub mod client_ip;
pub mod conditional;
pub mod documented;
pub mod edge;
pub mod error;
pub mod extract;
mod once;
pub mod problem;
pub mod throttle;

pub use answer::Answer;
pub use caller::{Admin, Caller};
pub use client_ip::ClientIp;
pub use conditional::{EntityTag, IfMatch, IfNoneMatch};
pub use error::{Error, Result};
pub use extract::{Form, FormOrJson, Json, JsonObject, NumericId, Query, UuidId};
pub use throttle::throttle;
