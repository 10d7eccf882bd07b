//! The test kit calls functions through the same adapter as in production, on real servers.
//!
//! A [`TestContext`] gives a test its own database and its own prefix of Redis keys, on the servers of a running stack.
//! [`users`] signs users in there.
//! A [`Client`] turns a method, a path and a body into the event that API Gateway would send, and reads the response.
//! It hands the event to anything that implements [`Invoke`]: a function in this process, or one in a process of its
//! own ([`stack::environment::ExecutionEnvironment`]). A [`proxy::Proxy`] between a function and a store injects
//! faults. [`gateway_events`] builds events. [`replay`] hands recorded events to the functions and compares the
//! responses. [`functions`] is the only list of the functions that are deployed; [`probe`] is one for tests alone.

#![allow(clippy::print_stdout, reason = "the replay writes its results to the terminal")]

mod client;
mod context;
mod database;
pub mod functions;
pub mod gateway_events;
mod gateway_routes;
mod invoke;
pub mod openapi;
pub mod proxy;
pub mod records;
pub mod replay;
mod snapshot;
mod template_database;
pub mod users;

pub use client::{Client, RequestBuilder, Response};
pub use context::{TestContext, stack_variables};
pub use database::{connect, with_database};
pub use invoke::{
    Invocation, Invoke, MOST_HEADER_BYTES, header_bytes, invocation_event, reported_failure, response_flaw,
};
pub use snapshot::DatabaseSnapshot;
pub use stack::environment::Failure;
pub use template_database::template_database;
