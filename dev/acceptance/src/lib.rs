//! What the checks of an API are written with: a client that waits where the API asks for it, requests and responses
//! with what can be expected of them, and the report.

#![allow(clippy::print_stdout, reason = "talking to the person at the terminal is this program's purpose")]

pub mod client;
pub mod options;
pub mod rate_limit;
pub mod report;
pub mod request;
pub mod response;
pub mod run;
pub mod verdict;
