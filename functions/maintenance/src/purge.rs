//! The task `purge` deletes expired rows, in batches, so that each statement locks few rows for a short time.
//!
//! Each table is purged for itself: one that is locked or forbidden does not keep the others from being purged. The
//! task fails at the end if any table did, and names each with its reason.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use shared::stores::postgres::ConnectionSettings;
use tokio_postgres::Client;

use crate::Error;
use crate::connection::connect;

/// The longest that a statement waits for the lock of a table, such as that of a migration.
const LOCK_TIMEOUT: &str = "set lock_timeout = '3s'";

/// A table, and the rows of it that are of no use any more. Each condition has an index.
pub struct Purgeable {
    /// The name of the table.
    pub table: &'static str,
    /// Its primary key.
    key: &'static str,
    condition: &'static str,
}

/// The tables that are purged.
pub const PURGEABLE: [Purgeable; 4] = [
    // Expired tokens: the check of their signature refuses them before it comes to this table.
    Purgeable { table: "refresh_tokens", key: "digest", condition: "expires_at < now()" },
    // Sessions that ended 90 days ago. Until then they tell which networks a user signed in from.
    Purgeable {
        table: "sessions",
        key: "id",
        condition: "least(ended_at, expires_at) < now() - interval '90 days'",
    },
    // Counts of wrong guesses that were made during an outage of Redis.
    Purgeable { table: "login_guesses", key: "subject", condition: "expires_at < now()" },
    // Records of idempotent writes: from then on their keys may be used for other writes.
    Purgeable { table: "idempotent_writes", key: "id", condition: "expires_at < now()" },
];

/// The number of rows that were deleted, by table.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Purge(pub BTreeMap<&'static str, u64>);

/// A purge that failed for some tables. What it deleted stays deleted.
#[derive(Debug)]
pub struct PartialPurge {
    /// The number of rows that were deleted, by table, also before a failure.
    pub deleted: BTreeMap<&'static str, u64>,
    /// The reasons, by table.
    pub failed: BTreeMap<&'static str, Error>,
}

impl Purgeable {
    /// The statement that deletes a thousand rows at most, without those that another purge has locked.
    ///
    /// The keys are found first, as an array: a join could read the whole table once more.
    #[must_use]
    pub fn statement(&self) -> String {
        let Self { table, key, condition } = self;
        format!(
            "delete from {table} where {key} = any (array(
                select {key} from {table} where {condition} limit 1000 for update skip locked
            ))"
        )
    }
}

impl fmt::Display for PartialPurge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not every table was purged")?;
        for (table, error) in &self.failed {
            write!(f, "; {table}: {error}")?;
        }
        f.write_str("; rows deleted:")?;
        let mut separator = "";
        for (table, count) in &self.deleted {
            write!(f, "{separator} {table} {count}")?;
            separator = ",";
        }
        Ok(())
    }
}

impl std::error::Error for PartialPurge {}

/// Deletes expired rows. Safe to repeat and to run in parallel.
pub(crate) async fn purge(database: &ConnectionSettings) -> Result<Purge, Error> {
    let mut connection = Some(connect_for_purge(database).await?);
    let (mut deleted, mut failed) = (BTreeMap::new(), BTreeMap::new());
    for purgeable in &PURGEABLE {
        let count = deleted.entry(purgeable.table).or_default();
        match purge_table(connection.take(), database, &purgeable.statement(), count).await {
            Ok(client) => connection = Some(client),
            Err(error) => {
                failed.insert(purgeable.table, error);
            }
        }
    }
    if failed.is_empty() { Ok(Purge(deleted)) } else { Err(PartialPurge { deleted, failed }.into()) }
}

/// Deletes all expired rows of a table, counts them in `deleted`, and returns the connection for the next table. After
/// a failure there is none, since the failure may be that of the connection; then this opens another.
async fn purge_table(
    connection: Option<Client>,
    database: &ConnectionSettings,
    statement: &str,
    deleted: &mut u64,
) -> Result<Client, Error> {
    let client = match connection {
        Some(client) => client,
        None => connect_for_purge(database).await?,
    };
    loop {
        let batch = client.execute(statement, &[]).await?;
        *deleted += batch;
        if batch == 0 {
            return Ok(client);
        }
    }
}

async fn connect_for_purge(database: &ConnectionSettings) -> Result<Client, Error> {
    let client = connect(database).await?;
    client.batch_execute(LOCK_TIMEOUT).await?;
    Ok(client)
}
