//! Migrations in tests: an empty database, a lock for which migrations wait, and a request for a migration.

use serde_json::Value;
use stack::environment::ExecutionEnvironment;
use testkit::{Failure, TestContext};
use tokio_postgres::Client;

use super::locks::until;

/// Empties the database, so that all migrations are pending.
pub(crate) async fn empty_database(context: &TestContext) {
    context.database().await.batch_execute("drop schema public cascade; create schema public").await.unwrap();
}

/// Takes the advisory lock for which migrations wait without a limit. It is released when the connection is dropped.
pub(crate) async fn lock_migrations(context: &TestContext) -> Client {
    let database = context.database().await;
    database.execute("select pg_advisory_lock($1)", &[&0x626f_6f6b_7368_656c_i64]).await.unwrap();
    database
}

/// Returns when `count` migrations wait for the lock.
pub(crate) async fn until_migrations_wait(database: &Client, count: i64) {
    let sql = "select count(*) from pg_locks where locktype = 'advisory' and not granted
        and database = (select oid from pg_database where datname = current_database())";
    until(async || database.query_one(sql, &[]).await.unwrap().get::<_, i64>(0) >= count).await;
}

/// Runs the task `migrate` in this process of `maintenance`.
pub(crate) async fn migrate(maintenance: ExecutionEnvironment) -> Result<Value, Failure> {
    maintenance.invoke(r#"{"task":"migrate"}"#).await
}
