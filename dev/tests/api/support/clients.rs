//! The functions as clients.

use probe::Probe;
use testkit::{Client, TestContext};

/// The function of the tests in `context`.
pub(crate) fn probe(context: &TestContext) -> Client {
    Client::start::<Probe>(context.env()).unwrap()
}

/// The function called `name` in `context`.
pub(crate) fn client(context: &TestContext, name: &str) -> Client {
    Client::of(testkit::functions::find(name).unwrap().start(&context.env_of(name)).unwrap())
}
