//! What a request asks of the stores, read off the wire.

use serde_json::{Value, json};
use tokio::task::block_in_place;

use crate::{
    Error, Result,
    bench::{
        bare::{commands, statements},
        driver::Program,
        event::Request,
        ground::Ground,
    },
    door::Door,
};

/// The statements that a warm function sends for `request` when nothing is cached.
pub(super) async fn statements_of(ground: &Ground, program: &Program, request: &Request) -> Result<Value> {
    asked(program, "DATABASE_URL", request, statements, || ground.flush()).await
}

/// The commands that a warm function sends for `request`, all in one trip, when what it wants is cached.
pub(super) async fn commands_of(ground: &Ground, program: &Program, request: &Request) -> Result<Value> {
    ground.flush()?;
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
    let door = Door::before(url.map_or("", |(_, url)| url)).await?;
    let subject = program.clone().with(variable, door.url()).start()?;
    let ask = || {
        prepare()?;
        let _ = door.sent();
        block_in_place(|| subject.invoke(request))
    };
    // What opens a connection, loads scripts or fills the cache is not the request's.
    ask()?;
    ask()?;
    let answer = ask()?;
    let found = read(&door.sent());
    if answer.status != 200 || found == json!([]) {
        let target = &request.target;
        return Err(Error::new(format!("{target}: {}, and asked at {variable}: {found}", answer.status)));
    }
    Ok(found)
}
