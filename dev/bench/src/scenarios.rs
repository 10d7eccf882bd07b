//! What is measured, group by group.

mod asked;
mod auth;
mod books;
mod cold;
mod http;
mod large;
mod ping;
mod trips;

use std::time::Duration;

use super::{
    Options, Results, builds,
    contest::{Effort, Probe, Sample},
    driver::Subject,
    event::Request,
    fixture::Fixture,
    weights,
};
use stack::Result;

/// The groups by name, in the order in which they run.
pub(crate) const GROUPS: [&str; 9] =
    ["books", "auth", "ping", "cold", "trips", "http", "weights", "large", "builds"];

/// Runs the groups that are wanted.
pub(super) async fn run(fixture: &Fixture, options: &Options, results: &mut Results) {
    let rounds = if options.quick { 40 } else { 1000 };
    let effort = Effort { rounds, limit: Duration::from_secs(if options.quick { 5 } else { 15 }) };
    for group in GROUPS.into_iter().filter(|group| options.wants(group)) {
        let outcome = match group {
            "books" => books::run(fixture, effort, results).await,
            "auth" => auth::run(fixture, effort, results).await,
            "ping" => ping::run(fixture, effort, results).await,
            "cold" => cold::run(fixture, effort, results).await,
            "trips" => trips::run(fixture, results).await,
            "http" => http::run(fixture, effort, results).await,
            "weights" => weights::run(fixture, results),
            "builds" => builds::run(fixture, results).await,
            _ => large::run(fixture, effort, options.quick, results).await,
        };
        // What the other groups find out is told all the same.
        if let Err(error) = outcome {
            println!("{error}");
            results.failures.push(error.to_string());
        }
    }
}

/// The same request over and over.
fn invoking(subject: &Subject, request: Request, status: u64) -> Probe<'_> {
    Box::new(move || Sample::of(&subject.invoke(&request)?, status))
}

/// The same list over and over, never from the cache.
fn uncached<'a>(fixture: &'a Fixture, subject: &'a Subject, request: Request) -> Probe<'a> {
    Box::new(move || {
        fixture.flush()?;
        Sample::of(&subject.invoke(&request)?, 200)
    })
}

/// What is measured of a store or a hash by itself.
fn bare<'a>(mut measure: impl FnMut() -> Result<Duration> + 'a) -> Probe<'a> {
    Box::new(move || measure().map(Sample::from))
}
