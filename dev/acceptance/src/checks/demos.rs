//! The demonstrations of limits and locks, where they are deployed.

use std::time::Duration;

use serde_json::json;

use super::limits::expect_refusal;
use crate::rate_limit::RateLimit;
use crate::request::Request;
use crate::response::Response;
use crate::run::Run;
use crate::verdict::{Checked, NotPassed, PASSED, ensure};

/// Uses the quota up, is refused, and passes after the wait that it was told.
pub(crate) async fn ping(run: &Run) -> Checked {
    let request = Request::get("/rl-demo/ping");
    let ping = || run.client.send_once(&request);
    let mut response = run.client.send(&request).await?;
    if_deployed(&response)?;
    let mut limit = RateLimit::of(response.expect(200)?, "ping")?;
    if limit.remaining + 1 < limit.quota {
        // Somebody on this network was here just now.
        run.client.wait(Duration::from_secs(limit.window)).await;
        response = ping().await?;
        limit = RateLimit::of(response.expect(200)?, "ping")?;
    }
    for remaining in (0..limit.remaining).rev() {
        let told = RateLimit::of(ping().await?.expect(200)?, "ping")?;
        ensure(told.remaining == remaining, || format!("expected {remaining} requests left, got {told:?}"))?;
    }
    let refused = ping().await?;
    expect_refusal(&refused, "ping")?;
    run.client.wait(refused.retry_after().unwrap_or_default()).await;
    ping().await?.expect(200)?;
    PASSED
}

/// Guesses at a name of the run, so that nobody else is locked.
pub(crate) async fn lock(run: &Run) -> Checked {
    let guess = |password: &str| {
        let body = json!({"username": run.name, "password": password});
        Request::post("/bf-demo/login").json(&body)
    };
    let first = run.client.send_once(&guess("wrong")).await?;
    if_deployed(&first)?;
    for failures in 1..=5 {
        let response =
            if failures == 1 { first.clone() } else { run.client.send_once(&guess("wrong")).await? };
        let body = response.expect(200)?.json();
        response.ensure(
            body["ok"] == false && body["failures_for_this_user_ip"] == failures,
            "a counted failure",
        )?;
    }
    run.client.send_once(&guess("letmein")).await?.expect_problem(429)?;
    PASSED
}

/// The gateway or the API has no such path.
fn if_deployed(response: &Response) -> Result<(), NotPassed> {
    if response.status == 404 { Err(NotPassed::NotRun("not deployed".into())) } else { Ok(()) }
}
