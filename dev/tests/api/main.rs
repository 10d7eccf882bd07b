//! Tests of the API: functions get events through the adapter that production uses, and use real stores.
//!
//! They need a running stack: `cargo xtask test` starts one, `cargo xtask stack` keeps one running for `cargo test`.
//! Each test has its own database and its own keys in Redis. Every module but `support` contains tests.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
// The future of a request is a nest of all layers.
#![recursion_limit = "256"]

mod architecture;
mod auth;
mod bad_input;
mod bf_demo;
mod books;
mod cache;
mod cache_races;
mod connections;
mod cors;
mod deployments;
mod dropped_packets;
mod events;
mod execution_environments;
mod idempotency;
mod idempotency_on_moto;
mod lifecycle;
mod lockout;
mod maintenance;
mod metrics;
mod mutated_events;
mod origin_secret;
mod outages;
// part of rl-demo, bf-demo
mod playground;
// end of part
mod rate_limits;
mod redis_scripts;
mod replay;
mod rl_demo;
mod roles;
mod round_trips;
mod routes;
mod smoke_test;
mod stacks;
mod store_failures;
mod support;
mod system;
mod template;
mod tls;
mod transactions;
mod unreadable_events;
