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
    let sent = capture(program, "DATABASE_URL", (request, 200), statements, || fixture.flush()).await?;
    nonempty(sent, request)
}

/// The commands that a warm function sends to Redis for `request`, in one round trip, when the response is cached.
pub(super) async fn captured_commands(
    fixture: &Fixture,
    program: &Program,
    request: &Request,
) -> Result<Value> {
    fixture.flush()?;
    nonempty(capture(program, "REDIS_URL", (request, 200), commands, || Ok(())).await?, request)
}

/// The same for a request that is refused, for which there may be none: a refusal is remembered.
pub(super) async fn captured_commands_of_refusal(program: &Program, request: &Request) -> Result<Value> {
    capture(program, "REDIS_URL", (request, 429), commands, || Ok(())).await
}

/// Nothing at all would make everything slow beside it.
fn nonempty(sent: Value, request: &Request) -> Result<Value> {
    if sent == json!([]) {
        Err(Error::new(format!("{}: nothing was sent", request.target)))
    } else {
        Ok(sent)
    }
}

/// Captures what is sent to the store whose URL is in `variable`, and parses it with `parse`.
async fn capture(
    program: &Program,
    variable: &str,
    (request, status): (&Request, u64),
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
    // The first requests also open connections, load scripts, fill the cache and use a quota up.
    send()?;
    send()?;
    let response = send()?;
    if response.status != status {
        let target = &request.target;
        return Err(Error::new(format!("{target}: {} instead of {status}", response.status)));
    }
    Ok(parse(&proxy.sent()))
}
