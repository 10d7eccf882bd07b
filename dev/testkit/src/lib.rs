//! The test kit: functions called through the same adapter as in production, on real servers.
//!
//! A [`TestContext`] is a database and a key prefix of a test's own, on the servers of a running stack. A [`Client`]
//! turns method, path and body into the event that API Gateway would send, and the answer back. Whatever can
//! [`Invoke`] answers it: a function in this process, or one in a process of its own
//! ([`stack::environment::ExecutionEnvironment`]). [`functions`] is the one list of the bundle's functions.

#![allow(clippy::print_stdout, reason = "the replay talks to the person at the terminal")]

mod client;
mod context;
pub mod functions;
mod invoke;
pub mod openapi;
pub mod proxy;
pub mod records;
pub mod replay;
mod schema;
mod snapshot;

pub use client::{Client, RequestBuilder, Response};
pub use context::{TestContext, connect, stack_variables, with_database};
pub use invoke::{Invocation, Invoke, failure, flaw, incoming};
pub use schema::template;
pub use snapshot::DatabaseSnapshot;
pub use stack::environment::Failure;
