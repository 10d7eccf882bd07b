//! Waiting for a statement of the API that waits for a lock.

use std::time::Duration;

use tokio::time::{sleep, timeout};
use tokio_postgres::{Client, Transaction};

/// Returns when a statement waits for the lock on `table` that `holder` has.
///
/// Asks through `holder`: the statement gives up after a second, which opening a connection could use up on a busy
/// machine. Looks at its database alone: the tests' databases are copies, in which a table has the same OID everywhere.
pub(crate) async fn until_lock_is_awaited(holder: &Transaction<'_>, table: &str) {
    let query = "select exists (select from pg_locks where not granted and relation = to_regclass($1)
        and database = (select oid from pg_database where datname = current_database()))";
    until(async || holder.query_one(query, &[&table]).await.unwrap().get::<_, bool>(0)).await;
}

/// Returns when a statement waits for any lock, in the database to which `observer` is connected.
pub(crate) async fn until_a_lock_is_awaited(observer: &Client) {
    let query = "select exists (select from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock')";
    until(async || observer.query_one(query, &[]).await.unwrap().get::<_, bool>(0)).await;
}

/// Returns when `condition` holds, and fails the test if that takes 30 seconds.
pub(crate) async fn until(condition: impl AsyncFn() -> bool) {
    let appearing = async {
        while !condition().await {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(30), appearing).await.expect("a waiting statement in time");
}
