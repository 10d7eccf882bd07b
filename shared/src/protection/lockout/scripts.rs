//! Counting attempts in Redis: one Lua script for each step of an attempt, atomic over all its counters.

use std::sync::LazyLock;
use std::time::Duration;

use redis::FromRedisValue;
use uuid::Uuid;

use super::counter::{Counter, CounterState};
use crate::stores::redis::{Redis, Script, ScriptCall, Unavailable};

/// How long a reservation counts whose request died before the attempt was ended. Longer than any request lives: an
/// attempt whose password hash is slow must not lose its reservation to another one.
const RESERVATION_TTL: Duration = Duration::from_secs(30);

/// How long a lock is remembered: a repeated lockout within this time is longer than the last one.
const REPEAT_TTL: Duration = Duration::from_hours(24);

static BEGIN: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("begin.lua")));
static FAIL: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("fail.lua")));
static SUCCEED: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("succeed.lua")));
static ABANDON: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("abandon.lua")));
static STATE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("state.lua")));

/// Reserves an attempt under every counter. Returns the attempt's id and, if nothing was reserved, how long to wait.
pub(super) async fn begin(
    redis: &Redis,
    counters: &[Counter],
) -> Result<(String, Option<Duration>), Unavailable> {
    let attempt_id = Uuid::now_v7().simple().to_string();
    let (allowed, wait_ms): (bool, u64) = run(redis, &BEGIN, counters, &attempt_id).await?;
    Ok((attempt_id, (!allowed).then(|| Duration::from_millis(wait_ms))))
}

/// Turns the reservation into a failure. Returns how many failures count under the first counter.
pub(super) async fn fail(redis: &Redis, counters: &[Counter], attempt_id: &str) -> Result<u32, Unavailable> {
    run(redis, &FAIL, counters, attempt_id).await
}

/// Deletes the reservation, and the failures of every counter that a success clears.
pub(super) async fn succeed(
    redis: &Redis,
    counters: &[Counter],
    attempt_id: &str,
) -> Result<(), Unavailable> {
    run(redis, &SUCCEED, counters, attempt_id).await
}

/// Deletes the reservation.
pub(super) async fn abandon(
    redis: &Redis,
    counters: &[Counter],
    attempt_id: &str,
) -> Result<(), Unavailable> {
    run(redis, &ABANDON, counters, attempt_id).await
}

/// Reads what the counter holds.
pub(super) async fn state(redis: &Redis, counter: &Counter) -> Result<CounterState, Unavailable> {
    let [attempts, lock, _] = keys(counter);
    let numbers: Vec<u64> = redis.run(&STATE.call(&[attempts, lock])).await?;
    let number = |at: usize| numbers.get(at).copied().unwrap_or_default();
    Ok(CounterState {
        locked_for: Duration::from_millis(number(0)),
        in_flight: u32::try_from(number(1)).unwrap_or(u32::MAX),
        failures_end_in: numbers.iter().skip(2).copied().map(Duration::from_millis).collect(),
    })
}

async fn run<T: FromRedisValue>(
    redis: &Redis,
    script: &'static Script,
    counters: &[Counter],
    attempt_id: &str,
) -> Result<T, Unavailable> {
    redis.run(&call(script, counters, attempt_id)).await
}

/// Every script takes three keys for each counter: its attempts, its lock, and the number of recent locks. The
/// arguments are the attempt's id, the lifetimes of a reservation and of a remembered lock; and for each counter its
/// threshold, window, lock duration, longest lock duration, and whether a success clears it. Times are in milliseconds.
fn call(script: &'static Script, counters: &[Counter], attempt_id: &str) -> ScriptCall<'static> {
    let call = script.call(&counters.iter().flat_map(keys).collect::<Vec<_>>());
    let call = call.arg(attempt_id).arg(RESERVATION_TTL.as_millis()).arg(REPEAT_TTL.as_millis());
    counters.iter().fold(call, |call, Counter { rule, .. }| {
        call.arg(rule.threshold)
            .arg(rule.window.as_millis())
            .arg(rule.lock_duration.as_millis())
            .arg(rule.max_lock_duration.as_millis())
            .arg(u8::from(rule.cleared_by_success))
    })
}

/// The keys of a counter: its attempts, its lock, and the number of recent locks.
fn keys(Counter { key, .. }: &Counter) -> [String; 3] {
    // The last name is older than the term "recent locks"; it stays, because deployed versions share the key.
    [key.clone(), format!("{key}:lock"), format!("{key}:relapses")]
}
