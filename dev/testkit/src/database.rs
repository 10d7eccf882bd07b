//! Connections to the databases of the local stack.

use tokio_postgres::{Client, NoTls};

/// Connects to the database at `url`, without a limit for the duration of a statement.
///
/// # Panics
/// When the stack does not answer.
pub async fn connect(url: &str) -> Client {
    let (client, connection) =
        tokio_postgres::connect(url, NoTls).await.expect("the stack's Postgres answers");
    tokio::spawn(connection);
    // The role's limit is meant for requests. Dropping a database waits for a checkpoint, and copying one for the drop.
    client.batch_execute("set statement_timeout = 0").await.expect("every role may set it");
    client
}

/// Connects to the database `postgres` of the server at `url`. Databases are created and dropped from there.
///
/// # Panics
/// When the stack does not answer.
pub(crate) async fn connect_as_administrator(url: &str) -> Client {
    connect(&with_database(url, "postgres")).await
}

/// `url` with its path, the name of the database, replaced.
#[must_use]
pub fn with_database(url: &str, database: &str) -> String {
    let base = url.rsplit_once('/').map_or(url, |(base, _)| base);
    format!("{base}/{database}")
}
