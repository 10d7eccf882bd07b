//! Whether the API is there, and its stores.

use std::time::Duration;

use acceptance::request::Request;
use acceptance::run::Run;
use acceptance::verdict::{Checked, PASSED};
use serde_json::json;
use tokio::time::{Instant, sleep};

/// A paused database wakes in 15 s, or in half a minute after a day.
const WAKING: Duration = Duration::from_secs(90);

/// Waits for a database that wakes. The checks after this one take the stores for granted.
pub(crate) async fn ready(run: &Run) -> Checked {
    let began = Instant::now();
    loop {
        let response = run.client.send_once(&Request::get("/health/ready")).await?;
        if response.status == 503 && began.elapsed() < WAKING {
            response.expect_problem(503)?;
            sleep(Duration::from_secs(1)).await;
            continue;
        }
        response.expect(200)?;
        response.ensure(
            response.json() == json!({"postgres": "ok", "redis": "ok"}),
            "both stores, and that they are ok",
        )?;
        let waited = began.elapsed().as_secs();
        return Ok(if waited == 0 { String::new() } else { format!("after {waited} s") });
    }
}

pub(crate) async fn alive(run: &Run) -> Checked {
    let response = run.client.send(&Request::get("/health")).await?;
    response.expect(200)?.ensure(response.json() == json!({"status": "ok"}), "the status ok")?;
    PASSED
}
