//! Connections for one task each. Tasks are rare, take locks and run long, so they share no connection with requests.

use std::time::{Duration, SystemTime};

use shared::stores::postgres::ConnectionSettings;
use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::Client;

use crate::Error;

/// The key of the advisory lock: any number that nothing else uses.
const LOCK: i64 = 0x626f_6f6b_7368_656c;

/// The longest that one attempt to connect may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a deployment waits for a database that accepts no connection yet: a paused one takes half of that to wake
/// up.
const WAKE_TIMEOUT: Duration = Duration::from_mins(1);
/// The pause between two attempts to wake it.
const WAKE_INTERVAL: Duration = Duration::from_millis(500);

/// A connection that lasts for one task; it ends, and releases its locks, when the client is dropped.
pub async fn connect(database: &ConnectionSettings) -> Result<Client, Error> {
    let connecting = timeout(CONNECT_TIMEOUT, database.connect(SystemTime::now()));
    let (client, driver) = connecting.await.map_err(|_| Error::ConnectTimeout)??;
    driver.detach();
    Ok(client)
}

/// Runs `work` on a connection that has the advisory lock: of all processes, on any machine, one is at work at a time.
pub(crate) async fn with_advisory_lock<T>(
    database: &ConnectionSettings,
    work: impl AsyncFnOnce(&mut Client) -> Result<T, Error>,
) -> Result<T, Error> {
    let mut client = connect(database).await?;
    // A task takes as long as it takes; the limits are for requests.
    client.batch_execute("set statement_timeout = 0; set lock_timeout = 0").await?;
    client.query_one("select pg_advisory_lock($1)", &[&LOCK]).await?;
    work(&mut client).await
}

/// Returns when the database accepts a connection, refuses for a lasting reason, or did neither for a minute. The task
/// that follows finds out which.
pub(crate) async fn wait_for_database(database: &ConnectionSettings) {
    let since = Instant::now();
    while let Err(error) = connect(database).await
        && is_transient(&error)
        && since.elapsed() < WAKE_TIMEOUT
    {
        tracing::info!(%error, "waiting for the database");
        sleep(WAKE_INTERVAL).await;
    }
}

/// Whether a later attempt to connect may succeed: the server was not reached, or it has too many connections (SQLSTATE
/// class 53), or it is starting or shutting down (class 57).
fn is_transient(error: &Error) -> bool {
    let Error::Postgres(error) = error else { return true };
    error.code().is_none_or(|code| ["53", "57"].contains(&&code.code()[..2]))
}
