//! Counting attempts in Postgres while Redis is unavailable.
//!
//! One row per counter counts the attempts within a window that begins with its first attempt; beyond the threshold it
//! locks until the window ends. That is coarser than the counting in Redis, where each failure expires by itself and a
//! lock has a duration of its own, but just as exact about how many attempts are checked. An attempt counts when it
//! begins, so nothing is left to do when it fails.

use std::time::Duration;

use tokio_postgres::types::Type;

use super::counter::Counter;
use crate::stores::postgres::{Error, Postgres};

/// Counts an attempt under every counter before it is checked. Returns how long to wait if that exceeds a threshold.
pub(super) async fn begin(postgres: &Postgres, counters: &[Counter]) -> Result<Option<Duration>, Error> {
    // In one order, so that two concurrent attempts never deadlock on each other's rows.
    const SQL: &str = "
        insert into login_guesses as stored (subject, guesses, expires_at)
        select subject, 1, now() + seconds * interval '1 second'
        from unnest($1::text[], $2::float8[]) as counter (subject, seconds)
        order by subject
        on conflict (subject) do update set
            guesses = case when stored.expires_at <= now() then 1 else stored.guesses + 1 end,
            expires_at = case when stored.expires_at <= now() then excluded.expires_at else stored.expires_at end
        returning subject, guesses, extract(epoch from expires_at - now())::float8";
    let windows: Vec<f64> = counters.iter().map(|counter| counter.rule.window.as_secs_f64()).collect();
    let parameters = &[(&subjects(counters) as _, Type::TEXT_ARRAY), (&windows as _, Type::FLOAT8_ARRAY)];
    let rows = postgres.write(SQL, parameters).await?;
    let waits = rows.iter().filter_map(|row| {
        let (subject, guesses, seconds): (&str, i32, f64) = (row.get(0), row.get(1), row.get(2));
        let counter = counters.iter().find(|counter| counter.key == subject)?;
        let exceeded = u32::try_from(guesses).unwrap_or(u32::MAX) > counter.rule.threshold;
        exceeded.then(|| Duration::from_secs_f64(seconds.max(0.0)))
    });
    let wait = waits.max();
    if wait.is_some() {
        // A refused attempt does not count.
        abandon(postgres, counters).await?;
    }
    Ok(wait)
}

/// Returns how many attempts count under the first counter.
pub(super) async fn count(postgres: &Postgres, counters: &[Counter]) -> Result<u32, Error> {
    const SQL: &str = "select guesses from login_guesses where subject = $1";
    let Some(first) = counters.first() else { return Ok(0) };
    let rows = postgres.read(SQL, &[(&first.key, Type::TEXT)]).await?;
    Ok(rows.first().map_or(0, |row| row.get::<_, i32>(0).try_into().unwrap_or_default()))
}

/// Deletes the counters that a success clears, and takes the attempt back from the others.
pub(super) async fn succeed(postgres: &Postgres, counters: &[Counter]) -> Result<(), Error> {
    const SQL: &str = "delete from login_guesses where subject = any($1)";
    let (cleared, uncleared): (Vec<_>, Vec<_>) =
        counters.iter().cloned().partition(|counter| counter.rule.cleared_by_success);
    postgres.write(SQL, &[(&subjects(&cleared), Type::TEXT_ARRAY)]).await?;
    abandon(postgres, &uncleared).await
}

/// Takes the attempt back.
pub(super) async fn abandon(postgres: &Postgres, counters: &[Counter]) -> Result<(), Error> {
    const SQL: &str =
        "update login_guesses set guesses = guesses - 1 where subject = any($1) and guesses > 0";
    postgres.write(SQL, &[(&subjects(counters), Type::TEXT_ARRAY)]).await.map(drop)
}

fn subjects(counters: &[Counter]) -> Vec<&str> {
    counters.iter().map(|counter| counter.key.as_str()).collect()
}
