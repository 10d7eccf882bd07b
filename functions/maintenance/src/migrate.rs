//! Brings the database up to date, once however many ask at the same time.

use std::time::Duration;

use serde::Serialize;
use tokio_postgres::{Client, Config, NoTls};

use crate::Error;

mod embedded {
    refinery::embed_migrations!("../../migrations");
}

/// The advisory lock that migrators queue for: refinery itself takes none. Any number that nothing else uses.
const LOCK: i64 = 0x626f_6f6b_7368_656c;

const CONNECT_PATIENCE: Duration = Duration::from_secs(5);

/// What a migration did.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Migration {
    /// The migrations that ran now, in order; none when the database was up to date.
    pub applied: Vec<String>,
}

/// Applies what is missing at `database_url`, which must lead to the server itself and not to a proxy: the
/// lock belongs to the connection.
pub async fn migrate(database_url: &str) -> Result<Migration, Error> {
    let mut client = connect(database_url).await?;
    // A migration takes as long as it takes; the limits are for requests.
    client.batch_execute("set statement_timeout = 0; set lock_timeout = 0").await?;
    client.query_one("select pg_advisory_lock($1)", &[&LOCK]).await?;
    let report = embedded::migrations::runner().run_async(&mut client).await?;
    let applied = report.applied_migrations().iter().map(ToString::to_string).collect();
    Ok(Migration { applied })
}

/// A connection that lasts for one task; it ends, and gives up its locks, when the client is dropped.
pub async fn connect(database_url: &str) -> Result<Client, tokio_postgres::Error> {
    let mut config: Config = database_url.parse()?;
    config.connect_timeout(CONNECT_PATIENCE);
    let (client, connection) = config.connect(NoTls).await?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::warn!(%error, "the connection ended");
        }
    });
    Ok(client)
}
