//! dynoxide: `DynamoDB`'s API on `SQLite`, one small process.

use rustix::process::Signal;

use super::{Ready, Server};
use crate::{Result, launch::Launch, place::Place, ports, tools::Tool};

/// A server on a free port with an empty database in a file, so that it survives being killed.
pub(crate) fn prepare(dynoxide: &Tool, place: &Place<'_>) -> Result<Server> {
    let data = place.data("dynamodb")?;
    let port = ports::free()?;
    let launch = place
        .launch("dynamodb", dynoxide)
        .args(["--host", "127.0.0.1", "--port", &port.to_string(), "--log", "quiet", "--db-path"])
        .path(data.join("data.sqlite"));
    Ok(server(port, launch))
}

fn server(port: u16, launch: Launch) -> Server {
    Server {
        name: "dynamodb",
        url: format!("http://127.0.0.1:{port}"),
        launch,
        ready: Ready::Http { port },
        stop_with: Signal::TERM,
        process: None,
    }
}
