//! For tests and the local stack: functions called through the same adapter as in production.
//!
//! A [`Stage`] is a database and a key prefix of a test's own, on the servers of a running stack. A
//! [`Client`] turns method, path and body into the event that API Gateway would send, and back. Whatever can
//! [`Invoke`] answers it: a function in process, or one in a process of its own (`xtask::environment`).

mod client;
mod contents;
mod invoke;
pub mod role;
mod stage;

pub use client::{Answer, Client, RequestBuilder};
pub use contents::Contents;
pub use invoke::{Failure, Invocation, Invoke, flaw, incoming};
pub use stage::{Stage, TEMPLATE, stack_variables, with_database};
