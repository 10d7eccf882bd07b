//! Counting guesses in Postgres while Redis is away: a counter per guard that runs for one window from its first
//! guess. Coarser than Redis (the lock is what is left of the window), and just as exact about how many guesses
//! are checked.

use std::time::Duration;

use tokio_postgres::types::Type;

use super::Guard;
use crate::stores::postgres::{Error, Postgres};

/// Counts a guess under every guard, before it is checked. Answers how long to wait if that is too many.
pub(super) async fn begin(postgres: &Postgres, guards: &[Guard]) -> Result<Option<Duration>, Error> {
    // Sorted, so that two sign-ins never wait for each other's rows.
    const SQL: &str = "
        insert into login_guesses as kept (subject, guesses, expires_at)
        select subject, 1, now() + seconds * interval '1 second'
        from unnest($1::text[], $2::float8[]) as guard (subject, seconds)
        order by subject
        on conflict (subject) do update set
            guesses = case when kept.expires_at <= now() then 1 else kept.guesses + 1 end,
            expires_at = case when kept.expires_at <= now() then excluded.expires_at else kept.expires_at end
        returning subject, guesses, extract(epoch from expires_at - now())::float8";
    let windows: Vec<f64> = guards.iter().map(|guard| guard.rule.window.as_secs_f64()).collect();
    let parameters = &[(&subjects(guards) as _, Type::TEXT_ARRAY), (&windows as _, Type::FLOAT8_ARRAY)];
    let rows = postgres.write(SQL, parameters).await?;
    let waits = rows.iter().filter_map(|row| {
        let (subject, guesses, seconds): (&str, i32, f64) = (row.get(0), row.get(1), row.get(2));
        let guard = guards.iter().find(|guard| guard.key == subject)?;
        let too_many = u32::try_from(guesses).unwrap_or(u32::MAX) > guard.rule.failures;
        too_many.then(|| Duration::from_secs_f64(seconds.max(0.0)))
    });
    let wait = waits.max();
    if wait.is_some() {
        // What is not checked does not count.
        abandon(postgres, guards).await?;
    }
    Ok(wait)
}

/// How many guesses count under the first guard.
pub(super) async fn count(postgres: &Postgres, guards: &[Guard]) -> Result<u32, Error> {
    const SQL: &str = "select guesses from login_guesses where subject = $1";
    let Some(first) = guards.first() else { return Ok(0) };
    let rows = postgres.read(SQL, &[(&first.key, Type::TEXT)]).await?;
    Ok(rows.first().map_or(0, |row| row.get::<_, i32>(0).try_into().unwrap_or_default()))
}

/// Forgets what a success clears.
pub(super) async fn succeed(postgres: &Postgres, guards: &[Guard]) -> Result<(), Error> {
    const SQL: &str = "delete from login_guesses where subject = any($1)";
    let cleared: Vec<_> = guards.iter().filter(|guard| guard.rule.cleared_by_success).cloned().collect();
    postgres.write(SQL, &[(&subjects(&cleared), Type::TEXT_ARRAY)]).await?;
    let kept: Vec<_> = guards.iter().filter(|guard| !guard.rule.cleared_by_success).cloned().collect();
    abandon(postgres, &kept).await
}

/// Takes the guess back.
pub(super) async fn abandon(postgres: &Postgres, guards: &[Guard]) -> Result<(), Error> {
    const SQL: &str =
        "update login_guesses set guesses = guesses - 1 where subject = any($1) and guesses > 0";
    postgres.write(SQL, &[(&subjects(guards), Type::TEXT_ARRAY)]).await.map(drop)
}

fn subjects(guards: &[Guard]) -> Vec<&str> {
    guards.iter().map(|guard| guard.key.as_str()).collect()
}
