//! Waiting for a statement of the API that waits for a lock.

use std::time::Duration;

use tokio::time::{sleep, timeout};
use tokio_postgres::Transaction;

/// Returns when a statement waits for the lock on `table` that `holder` has.
///
/// Asks through `holder`: the statement gives up after a second, which opening a connection could use up on a busy
/// machine. Looks at its database alone: the tests' databases are copies, in which a table has the same OID everywhere.
pub(crate) async fn until_lock_is_awaited(holder: &Transaction<'_>, table: &str) {
    let query = "select exists (select from pg_locks where not granted and relation = to_regclass($1)
        and database = (select oid from pg_database where datname = current_database()))";
    let appearing = async {
        while !holder.query_one(query, &[&table]).await.unwrap().get::<_, bool>(0) {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(10), appearing).await.expect("a waiting statement in time");
}
