//! For tests and the local stack: functions called in process, through the same adapter as in production.
//!
//! A [`Stage`] is a database and a key prefix of a test's own, on the servers of a running stack. A
//! [`Client`] turns method, path and body into the event that API Gateway would send, and back.

mod client;
mod stage;

pub use client::{Answer, Client, RequestBuilder};
pub use stage::{Stage, TEMPLATE, with_database};
