//! The task `purge` deletes expired rows, in batches, so that each statement locks few rows for a short time.

use serde::Serialize;
use shared::stores::postgres::ConnectionSettings;
use tokio_postgres::Client;

use crate::Error;
use crate::connection::connect;

/// Rows per statement.
const BATCH: i64 = 1000;

/// Deletes refresh tokens that have expired: the signature check refuses them before it comes to this table.
const REFRESH_TOKENS: &str = "
    delete from refresh_tokens where digest in (
        select digest from refresh_tokens where expires_at < now() limit $1 for update skip locked
    )";

/// Deletes sessions that ended 90 days ago. Until then they tell which networks a user signed in from.
const SESSIONS: &str = "
    delete from sessions where id in (
        select id from sessions where least(ended_at, expires_at) < now() - interval '90 days'
        limit $1 for update skip locked
    )";

/// Deletes counts of wrong guesses, made during an outage of Redis, that have expired.
const LOGIN_GUESSES: &str = "
    delete from login_guesses where subject in (
        select subject from login_guesses where expires_at < now() limit $1 for update skip locked
    )";

/// Deletes records of idempotent writes that have expired: their keys may be used for other writes.
const IDEMPOTENT_WRITES: &str = "
    delete from idempotent_writes where id in (
        select id from idempotent_writes where expires_at < now() limit $1 for update skip locked
    )";

/// The numbers of rows that were deleted.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Purge {
    /// Of `refresh_tokens`.
    pub refresh_tokens: u64,
    /// Of `sessions`.
    pub sessions: u64,
    /// Of `login_guesses`.
    pub login_guesses: u64,
    /// Of `idempotent_writes`.
    pub idempotent_writes: u64,
}

/// Deletes expired rows. Safe to repeat and to run in parallel: rows that another purge has locked are skipped.
pub(crate) async fn purge(database: &ConnectionSettings) -> Result<Purge, Error> {
    let client = connect(database).await?;
    Ok(Purge {
        refresh_tokens: in_batches(&client, REFRESH_TOKENS).await?,
        sessions: in_batches(&client, SESSIONS).await?,
        login_guesses: in_batches(&client, LOGIN_GUESSES).await?,
        idempotent_writes: in_batches(&client, IDEMPOTENT_WRITES).await?,
    })
}

async fn in_batches(client: &Client, sql: &str) -> Result<u64, Error> {
    let mut deleted = 0;
    loop {
        let batch = client.execute(sql, &[&BATCH]).await?;
        deleted += batch;
        if batch == 0 {
            return Ok(deleted);
        }
    }
}
