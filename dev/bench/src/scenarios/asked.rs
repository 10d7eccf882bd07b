//! What a request asks of the stores, read off the wire.

use serde_json::{Value, json};
use tokio::task::block_in_place;

use crate::{
    bare::{commands, statements},
    driver::Program,
    event::Request,
    fixture::Fixture,
};
use stack::{Error, Result};
use testkit::proxy::Proxy;

/// The statements that a warm function sends for `request` when nothing is cached.
pub(super) async fn statements_of(fixture: &Fixture, program: &Program, request: &Request) -> Result<Value> {
    asked(program, "DATABASE_URL", request, statements, || fixture.flush()).await
}

/// The commands that a warm function sends for `request`, all in one trip, when what it wants is cached.
pub(super) async fn commands_of(fixture: &Fixture, program: &Program, request: &Request) -> Result<Value> {
    fixture.flush()?;
    asked(program, "REDIS_URL", request, commands, || Ok(())).await
}

/// What goes to the store that `variable` names, as `read` tells it.
async fn asked(
    program: &Program,
    variable: &str,
    request: &Request,
    read: fn(&[u8]) -> Value,
    prepare: impl Fn() -> Result<()>,
) -> Result<Value> {
    let url = program.variables.iter().find(|(name, _)| name == variable);
    let proxy = Proxy::counting(url.map_or("", |(_, url)| url)).await?;
    let subject = program.clone().with(variable, proxy.url()).start()?;
    let ask = || {
        prepare()?;
        let _ = proxy.sent();
        block_in_place(|| subject.invoke(request))
    };
    // What opens a connection, loads scripts or fills the cache is not the request's.
    ask()?;
    ask()?;
    let answer = ask()?;
    let found = read(&proxy.sent());
    if answer.status != 200 || found == json!([]) {
        let target = &request.target;
        return Err(Error::new(format!("{target}: {}, and asked at {variable}: {found}", answer.status)));
    }
    Ok(found)
}
