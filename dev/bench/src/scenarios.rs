//! The scenarios of each group.

mod auth;
mod aws;
mod books;
mod captured;
mod cold;
mod http;
mod large;
mod ping;
mod routines;
mod throughput;
mod trips;

use std::time::Duration;

use crate::comparison::Budget;
use crate::fixture::Fixture;
use crate::options::{GROUPS, Options};
use crate::results::Results;
use crate::{builds, sizes};

/// Runs the selected groups. A group that fails is added to the failures, and the next one runs.
pub(super) async fn run(fixture: &Fixture, options: &Options, results: &mut Results) {
    let rounds = if options.quick { 40 } else { 1000 };
    let budget = Budget { rounds, limit: Duration::from_secs(if options.quick { 5 } else { 15 }) };
    for group in GROUPS.into_iter().filter(|group| options.selects(group)) {
        let outcome = match group {
            "books" => books::run(fixture, budget, results).await,
            "auth" => auth::run(fixture, budget, results).await,
            "ping" => ping::run(fixture, budget, results).await,
            "cold" => cold::run(fixture, budget, results).await,
            "aws" => aws::run(fixture, budget, options, results).await,
            "throughput" => throughput::run(fixture, options.quick, results).await,
            "trips" => trips::run(fixture, results).await,
            "http" => http::run(fixture, budget, results).await,
            "weights" => sizes::run(fixture, results),
            "builds" => builds::run(fixture, results).await,
            _ => large::run(fixture, budget, options.quick, results).await,
        };
        if let Err(error) = outcome {
            println!("{error}");
            results.failures.push(error.to_string());
        }
    }
}
