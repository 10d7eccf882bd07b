//! Tests of the function `books`.

mod conditional_requests;
mod idempotency;
mod items;
mod list_cache;
mod lists;
mod round_trips;

use testkit::{Client, TestContext};

/// The function in `context`.
fn books(context: &TestContext) -> Client {
    Client::start::<books::App>(context.env()).unwrap()
}
