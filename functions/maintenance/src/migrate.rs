//! The task `migrate` applies the migrations that a database lacks.
//!
//! refinery takes no lock, so an advisory lock lets one migration run at a time; others wait for it, and then find
//! nothing to do. The migrations are compiled into the function.

use refinery_core::{Runner, Target};
use serde::Serialize;
use shared::stores::postgres::ConnectionSettings;
use tokio_postgres::Client;

use crate::Error;
use crate::connection::{connect, with_advisory_lock};

/// The files of `migrations/` by name, such as `V1__users`, with their SQL. The build script lists them.
const EMBEDDED: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/migrations.rs"));

/// The migrations that were applied or are missing.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Migration {
    /// The migrations that ran now, in order; none when the database was up to date.
    pub applied: Vec<String>,
    /// Those that are still to be applied, in order; none unless this was a dry run.
    pub pending: Vec<String>,
}

/// Applies the missing migrations at `database`, each in a transaction of its own. `database` must be the server itself
/// and not a proxy: the advisory lock belongs to the connection.
///
/// Refuses, and names the migration, if one that was applied is not the one that is known here.
pub async fn migrate(database: &ConnectionSettings) -> Result<Migration, Error> {
    with_advisory_lock(database, async |client| {
        let applied = applied(client).await?;
        apply_missing(client, &applied).await
    })
    .await
}

/// Does the same for a `database` that replaces another one, and refuses an empty one: a database that was made from a
/// snapshot has a history.
pub(crate) async fn migrate_replacement(database: &ConnectionSettings) -> Result<Migration, Error> {
    with_advisory_lock(database, async |client| {
        let applied = applied(client).await?;
        if applied.is_empty() {
            return Err(Error::EmptyReplacement);
        }
        apply_missing(client, &applied).await
    })
    .await
}

async fn apply_missing(
    client: &mut Client,
    applied: &[refinery_core::Migration],
) -> Result<Migration, Error> {
    let report = runner_after(applied)?.run_async(client).await?;
    let applied = report.applied_migrations().iter().map(ToString::to_string).collect();
    Ok(Migration { applied, pending: Vec::new() })
}

/// Reports what [`migrate`] would do, or why it would refuse, and changes nothing. Takes no lock.
pub(crate) async fn dry_run(database: &ConnectionSettings) -> Result<Migration, Error> {
    let mut client = connect(database).await?;
    let applied = applied(&mut client).await?;
    let runner = runner_after(&applied)?;
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

/// The migrations that were applied, in order of version.
async fn applied(client: &mut Client) -> Result<Vec<refinery_core::Migration>, Error> {
    // refinery would make its table to look into it.
    const HAS_HISTORY: &str = "select to_regclass('refinery_schema_history') is not null";
    if !client.query_one(HAS_HISTORY, &[]).await?.get::<_, bool>(0) {
        return Ok(Vec::new());
    }
    Ok(runner(&[])?.get_applied_migrations_async(client).await?)
}

/// The runner that compares the database with the migrations known here, and applies those that are missing.
///
/// A database that is ahead, with all of ours and later ones, is left as it is: a deployment that is rolled back leaves
/// such a database, and an older commit that is deployed again finds it.
fn runner_after(applied: &[refinery_core::Migration]) -> Result<Runner, Error> {
    let runner = runner(applied)?;
    let mut known: Vec<_> = runner.get_migrations().iter().map(refinery_core::Migration::version).collect();
    known.sort_unstable();
    let applied: Vec<_> = applied.iter().map(refinery_core::Migration::version).collect();
    let is_ahead = applied.len() > known.len() && applied.starts_with(&known);
    Ok(runner.set_abort_missing(!is_ahead))
}

/// All migrations that are known here.
fn runner(applied: &[refinery_core::Migration]) -> Result<Runner, Error> {
    let migrations = EMBEDDED.iter().map(|(name, sql)| migration(name, sql, applied));
    Ok(Runner::new(&migrations.collect::<Result<Vec<_>, _>>()?))
}

/// The migration `name`, whatever line ends its file has in this checkout. It has LF, unless it is among `applied` with
/// the checksum that it has with CRLF: then it was applied from a checkout with those.
fn migration(
    name: &str,
    sql: &str,
    applied: &[refinery_core::Migration],
) -> Result<refinery_core::Migration, refinery_core::Error> {
    let sql = sql.replace("\r\n", "\n");
    let with_crlf = refinery_core::Migration::unapplied(name, &sql.replace('\n', "\r\n"))?;
    if applied.contains(&with_crlf) {
        return Ok(with_crlf);
    }
    refinery_core::Migration::unapplied(name, &sql)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LF: &str = "create table a (\n    b text\n);\n";
    const CRLF: &str = "create table a (\r\n    b text\r\n);\r\n";

    #[test]
    fn a_migration_is_the_same_with_other_line_ends() {
        let plain = refinery_core::Migration::unapplied("V1__a", LF).unwrap();
        for sql in [LF, CRLF] {
            let migration = migration("V1__a", sql, &[]).unwrap();
            assert_eq!(migration, plain, "the checksum of a file with LF stays what it always was");
            assert_eq!(migration.sql(), Some(LF));
        }
    }

    #[test]
    fn a_database_migrated_from_a_checkout_with_crlf_is_up_to_date() {
        let mut applied = refinery_core::Migration::unapplied("V1__a", CRLF).unwrap();
        applied.set_applied();
        for sql in [LF, CRLF] {
            assert_eq!(migration("V1__a", sql, std::slice::from_ref(&applied)).unwrap(), applied);
            let edited = sql.replace("text", "bytea");
            assert_ne!(migration("V1__a", &edited, std::slice::from_ref(&applied)).unwrap(), applied);
        }
    }
}
