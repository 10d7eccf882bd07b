//! Connections for one task each. Tasks are rare, take locks and run long, so they share no connection with requests.
//!
//! Every task gets its connection from [`connect`]. It waits for a database that wakes, and lifts the limits that a
//! role, a database or a parameter group sets for requests. The limits are lifted by options of the connection, which
//! count from the first statement on: a statement that lifted them could itself be cut off. Options need the server
//! itself. RDS Proxy refuses them, and it would also give the advisory lock of one task to other clients.

use std::error::Error as _;
use std::io::{self, ErrorKind};
use std::iter;
use std::time::{Duration, SystemTime};

use shared::stores::postgres::ConnectionSettings;
use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use crate::Error;

/// The key of the advisory lock: any number that nothing else uses.
const LOCK: i64 = 0x626f_6f6b_7368_656c;

/// The longest that one attempt to connect may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a task waits for a database that accepts no connection yet. A paused one takes 15 s to wake, and 30 s and
/// more after a day.
const WAKE_TIMEOUT: Duration = Duration::from_secs(90);
/// The pause between two attempts to connect.
const WAKE_INTERVAL: Duration = Duration::from_millis(500);

/// Lifts the limits that every supported server knows.
const WITHOUT_LIMITS: &str = "-c statement_timeout=0 -c lock_timeout=0 -c idle_in_transaction_session_timeout=0 \
    -c idle_session_timeout=0";
/// Lifts the limit that Postgres 17 added.
const WITHOUT_TRANSACTION_LIMIT: &str = "-c transaction_timeout=0";

/// A connection without limits that lasts for one task; it ends, and releases its locks, when the client is dropped.
/// Waits up to 90 s for a database that can't be reached, starts, or has no connection left.
pub(crate) async fn connect(database: &ConnectionSettings) -> Result<Client, Error> {
    let unlimited = database.with_options(WITHOUT_LIMITS);
    let all_unlimited = unlimited.with_options(WITHOUT_TRANSACTION_LIMIT);
    until_awake(WAKE_TIMEOUT, WAKE_INTERVAL, || attempt_with_either(&all_unlimited, &unlimited)).await
}

/// Runs `work` on a connection that has the advisory lock: of all processes, on any machine, one is at work at a time.
pub(crate) async fn with_advisory_lock<T>(
    database: &ConnectionSettings,
    work: impl AsyncFnOnce(&mut Client) -> Result<T, Error>,
) -> Result<T, Error> {
    let mut client = connect(database).await?;
    client.query_one("select pg_advisory_lock($1)", &[&LOCK]).await?;
    work(&mut client).await
}

/// Opens a connection with `newest`, or with `oldest` if the server is older than one of the options.
async fn attempt_with_either(
    newest: &ConnectionSettings,
    oldest: &ConnectionSettings,
) -> Result<Client, Error> {
    match attempt(newest).await {
        Err(Error::Postgres(error)) if error.code() == Some(&SqlState::UNDEFINED_OBJECT) => {
            attempt(oldest).await
        }
        result => result,
    }
}

async fn attempt(database: &ConnectionSettings) -> Result<Client, Error> {
    let connecting = timeout(CONNECT_TIMEOUT, database.connect(SystemTime::now()));
    let (client, driver) = connecting.await.map_err(|_| Error::ConnectTimeout)??;
    driver.detach();
    Ok(client)
}

/// Repeats `open`, with pauses of `interval`, until it succeeds, fails for a lasting reason, or has failed for `limit`.
async fn until_awake<T, Opening>(
    limit: Duration,
    interval: Duration,
    open: impl Fn() -> Opening,
) -> Result<T, Error>
where
    Opening: Future<Output = Result<T, Error>>,
{
    let since = Instant::now();
    loop {
        match open().await {
            Err(error) if is_transient(&error) && since.elapsed() < limit => {
                tracing::info!(%error, "waiting for the database");
                sleep(interval).await;
            }
            result => return result,
        }
    }
}

/// Whether a later attempt to connect may succeed: the server was not reached, or it has too many connections (SQLSTATE
/// class 53), or it is starting or shutting down (class 57).
fn is_transient(error: &Error) -> bool {
    let error = match error {
        Error::ConnectTimeout => return true,
        Error::Postgres(error) => error,
        _ => return false,
    };
    match error.code() {
        Some(code) => ["53", "57"].contains(&&code.code()[..2]),
        None => error.is_closed() || failed_io(error).is_some_and(|kind| !LASTING.contains(&kind)),
    }
}

/// The kinds of I/O errors that stay: an unusable certificate or address. An unknown host may become known.
const LASTING: [ErrorKind; 2] = [ErrorKind::InvalidData, ErrorKind::InvalidInput];

/// The kind of the I/O error among the sources of `error`.
fn failed_io(error: &tokio_postgres::Error) -> Option<ErrorKind> {
    let mut sources = iter::successors(error.source(), |&source| source.source());
    sources.find_map(|source| source.downcast_ref::<io::Error>()).map(io::Error::kind)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// Waits up to `limit` for a database that refuses connections `failures` times because of `reason`. Returns the
    /// number of attempts, and whether the last one succeeded.
    async fn attempts(limit: Duration, failures: u32, reason: fn() -> Error) -> (u32, bool) {
        let attempts = Cell::new(0);
        let opened = until_awake(limit, Duration::ZERO, || async {
            attempts.set(attempts.get() + 1);
            if attempts.get() <= failures { Err(reason()) } else { Ok(()) }
        });
        let succeeded = opened.await.is_ok();
        (attempts.get(), succeeded)
    }

    #[tokio::test]
    async fn a_database_that_wakes_within_the_limit_is_waited_for() {
        let asleep = || Error::ConnectTimeout;
        assert_eq!(attempts(Duration::ZERO, 0, asleep).await, (1, true));
        // At the usual interval these take 20 s.
        assert_eq!(attempts(WAKE_TIMEOUT, 40, asleep).await, (41, true));
        assert_eq!(attempts(Duration::ZERO, 40, asleep).await, (1, false));
    }

    #[tokio::test]
    async fn a_lasting_reason_is_reported_at_once() {
        assert_eq!(attempts(WAKE_TIMEOUT, 40, || Error::UnknownUser).await, (1, false));
    }
}
