//! Servers that stand in front of Postgres and answer in its protocol.

use testkit::TestContext;

/// The message by which a server refuses a connection.
pub(crate) fn fatal(sqlstate: &str, message: &str) -> Vec<u8> {
    let fields = format!("SFATAL\0VFATAL\0C{sqlstate}\0M{message}\0\0");
    let length = u32::try_from(fields.len() + 4).unwrap().to_be_bytes();
    [b"E", &length[..], fields.as_bytes()].concat()
}

/// `context` with the server that `start` places in front of its database. `start` gets the address of the database and
/// returns its own.
pub(crate) async fn through(context: TestContext, start: impl AsyncFnOnce(&str) -> String) -> TestContext {
    let url = context.variable("DATABASE_URL").to_owned();
    let database = url.split(['@', '/']).nth(3).unwrap();
    let url = url.replace(database, &start(database).await);
    context.with("DATABASE_URL", &url)
}
