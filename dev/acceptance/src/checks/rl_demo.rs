//! `rl-demo`: a quota runs out and comes back.

use std::time::Duration;

use acceptance::rate_limit::RateLimit;
use acceptance::request::Request;
use acceptance::run::Run;
use acceptance::verdict::{Checked, PASSED, ensure};

/// Uses the quota up, is refused, and passes after the wait that it was told.
pub(crate) async fn ping(run: &Run) -> Checked {
    let request = Request::get("/rl-demo/ping");
    let ping = || run.client.send_once(&request);
    let mut response = run.client.send(&request).await?;
    response.if_deployed()?;
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
    RateLimit::expect_used_up(&refused, "ping")?;
    run.client.wait(refused.retry_after().unwrap_or_default()).await;
    ping().await?.expect(200)?;
    PASSED
}
