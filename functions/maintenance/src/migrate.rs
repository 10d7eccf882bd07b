//! Brings the database up to date, once however many ask at the same time.

use std::time::{Duration, SystemTime};

use refinery::{Runner, Target};
use serde::Serialize;
use shared::stores::postgres::ConnectionSettings;
use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::Client;

use crate::Error;

mod embedded {
    refinery::embed_migrations!("../../migrations");
}

/// The advisory lock that those queue for who must not be two at a time: refinery itself takes none. Any number
/// that nothing else uses.
const LOCK: i64 = 0x626f_6f6b_7368_656c;

/// The longest that one try to connect may take.
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);
/// How long a deployment waits for a database that does not let it in yet: a paused one takes half of that to wake up.
const WAKING_TIME: Duration = Duration::from_mins(1);
/// The pause between two tries to wake it.
const WAKING_PAUSE: Duration = Duration::from_millis(500);

/// What a migration did.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Migration {
    /// The migrations that ran now, in order; none when the database was up to date.
    pub applied: Vec<String>,
    /// Those that are still to be run, in order; none unless this was a rehearsal.
    pub pending: Vec<String>,
}

/// Applies what is missing at `database`, each migration in a transaction of its own. That must be the server itself and
/// not a proxy: the lock belongs to the connection.
///
/// Refuses, and names the migration, if one that was applied is not the one that is known here.
pub async fn migrate(database: &ConnectionSettings) -> Result<Migration, Error> {
    let mut client = connect(database).await?;
    take_turns(&client).await?;
    let runner = runner_after(&applied(&mut client).await?);
    let report = runner.run_async(&mut client).await?;
    let applied = report.applied_migrations().iter().map(ToString::to_string).collect();
    Ok(Migration { applied, pending: Vec::new() })
}

/// Tells what [`migrate`] would do, or why it would refuse, and changes nothing. Waits for nobody.
pub(crate) async fn rehearse(database: &ConnectionSettings) -> Result<Migration, Error> {
    let mut client = connect(database).await?;
    let applied = applied(&mut client).await?;
    let runner = runner_after(&applied);
    let is_pending = |version| applied.iter().all(|migration| migration.version() != version);
    let mut pending: Vec<_> =
        runner.get_migrations().iter().filter(|migration| is_pending(migration.version())).collect();
    pending.sort();
    let pending = pending.iter().map(ToString::to_string).collect();
    if !applied.is_empty() {
        // With nothing to apply, what is left of a run is the comparison with what was applied.
        runner.set_target(Target::Version(0)).run_async(&mut client).await?;
    }
    Ok(Migration { applied: Vec::new(), pending })
}

/// What was applied, in order of version.
async fn applied(client: &mut Client) -> Result<Vec<refinery::Migration>, Error> {
    // refinery would make its table to look into it.
    const HAS_HISTORY: &str = "select to_regclass('refinery_schema_history') is not null";
    if !client.query_one(HAS_HISTORY, &[]).await?.get::<_, bool>(0) {
        return Ok(Vec::new());
    }
    Ok(embedded::migrations::runner().get_applied_migrations_async(client).await?)
}

/// What compares a database with the migrations that are known here, and applies those that are missing. One that is
/// ahead, with all of ours and later ones, is left as it is: so a deployment that is rolled back leaves it, and so an
/// older commit that is deployed again finds it.
fn runner_after(applied: &[refinery::Migration]) -> Runner {
    let runner = embedded::migrations::runner();
    let mut known: Vec<_> = runner.get_migrations().iter().map(refinery::Migration::version).collect();
    known.sort_unstable();
    let applied: Vec<_> = applied.iter().map(refinery::Migration::version).collect();
    let is_ahead = applied.len() > known.len() && applied.starts_with(&known);
    runner.set_abort_missing(!is_ahead)
}

/// Returns when nobody else who calls this is at work. Our turn ends with the connection.
pub(crate) async fn take_turns(client: &Client) -> Result<(), Error> {
    // A task takes as long as it takes; the limits are for requests.
    client.batch_execute("set statement_timeout = 0; set lock_timeout = 0").await?;
    client.query_one("select pg_advisory_lock($1)", &[&LOCK]).await?;
    Ok(())
}

/// A connection that lasts for one task; it ends, and gives up its locks, when the client is dropped.
pub async fn connect(database: &ConnectionSettings) -> Result<Client, Error> {
    let connecting = timeout(CONNECT_PATIENCE, database.connect(SystemTime::now()));
    let (client, driver) = connecting.await.map_err(|_| Error::Silent)??;
    driver.detach();
    Ok(client)
}

/// Returns when the database lets somebody in, or says why it never will, or is out of reach for a minute. The task
/// after it finds out which.
pub(crate) async fn wake(database: &ConnectionSettings) {
    let since = Instant::now();
    while let Err(error) = connect(database).await
        && is_passing(&error)
        && since.elapsed() < WAKING_TIME
    {
        tracing::info!(%error, "waiting for the database");
        sleep(WAKING_PAUSE).await;
    }
}

/// Whether a refusal to connect says something of the moment alone. Class 53 of a server's own refusals: too many
/// connections; 57: it is starting or shutting down.
fn is_passing(error: &Error) -> bool {
    let Error::Postgres(error) = error else { return true };
    error.code().is_none_or(|code| ["53", "57"].contains(&&code.code()[..2]))
}
