//! Captures what a request sends to the stores, by a proxy in front of them.

use serde_json::{Value, json};
use stack::{Error, Result};
use testkit::proxy::Proxy;
use tokio::task::block_in_place;

use crate::driver::Program;
use crate::event::Request;
use crate::fixture::Fixture;
use crate::wire::{commands, statements};

/// The statements that a warm function sends to Postgres for `request` when nothing is cached.
pub(super) async fn captured_statements(
    fixture: &Fixture,
    program: &Program,
    request: &Request,
) -> Result<Value> {
    capture(program, "DATABASE_URL", request, statements, || fixture.flush()).await
}

/// The commands that a warm function sends to Redis for `request`, in one round trip, when the response is cached.
pub(super) async fn captured_commands(
    fixture: &Fixture,
    program: &Program,
    request: &Request,
) -> Result<Value> {
    fixture.flush()?;
    capture(program, "REDIS_URL", request, commands, || Ok(())).await
}

/// Captures what is sent to the store whose URL is in `variable`, and parses it with `parse`.
async fn capture(
    program: &Program,
    variable: &str,
    request: &Request,
    parse: fn(&[u8]) -> Value,
    prepare: impl Fn() -> Result<()>,
) -> Result<Value> {
    let proxy = Proxy::counting(program.variable(variable)).await?;
    let running = program.clone().with(variable, proxy.url()).start()?;
    let send = || {
        prepare()?;
        let _ = proxy.sent();
        block_in_place(|| running.invoke(request))
    };
    // The first requests also open connections, load scripts and fill the cache.
    send()?;
    send()?;
    let response = send()?;
    let found = parse(&proxy.sent());
    if response.status != 200 || found == json!([]) {
        let target = &request.target;
        return Err(Error::new(format!("{target}: {}, and sent to {variable}: {found}", response.status)));
    }
    Ok(found)
}
