//! What the API promises, against real stores, through the adapter that production uses.
//!
//! Needs a running stack: `cargo xtask test` brings one, `cargo xtask stack` keeps one for `cargo test`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod account;
mod architecture;
mod bad_input;
mod books;
mod cache;
mod cache_races;
mod conditional;
mod deployments;
mod environments;
mod events;
mod idempotency;
mod idempotency_on_moto;
mod lifecycle;
mod limits;
mod lists;
mod lockout;
mod log;
mod maintenance;
mod metrics;
mod mutations;
mod outages;
mod replay;
mod roles;
mod rotation;
mod routes;
mod secret;
mod sign_in;
mod system;
mod tasks;
mod template;
mod tls;
mod tokens;
mod trips;
mod users;
