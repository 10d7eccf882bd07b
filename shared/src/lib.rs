//! The code that the functions have in common. Each module imports only modules above it in this table, which a test
//! checks.
//!
//! | module | purpose |
//! |---|---|
//! | [`config`] | reads the environment variables, once, at the start |
//! | [`telemetry`] | writes the log, and the metrics that `CloudWatch` makes out of it |
//! | [`fingerprint`] | hashes several values into one name |
//! | [`stores`] | connects to Postgres and Redis, and keeps those connections usable across freezes |
//! | [`cache`] | keeps pages of lists in Redis, all of them under one version |
//! | [`protection`] | limits the rate of requests, and locks out clients that guess passwords |
//! | [`validation`] | turns the named values of a request into domain types |
//! | [`identity`] | signs and checks tokens, hashes passwords, compares usernames, finds sessions |
//! | [`http`] | reads requests, writes responses and errors, and puts layers around routes |
//! | [`lambda`] | handles the events of the Lambda runtime |

pub mod cache;
pub mod config;
pub mod fingerprint;
pub mod http;
pub mod identity;
pub mod lambda;
pub mod protection;
pub mod stores;
pub mod telemetry;
pub mod validation;
