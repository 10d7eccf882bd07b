//! A quota, used up by the run's own session and therefore in nobody's way: that of password changes.

use serde_json::json;

use crate::rate_limit::RateLimit;
use crate::request::Request;
use crate::response::Response;
use crate::run::Run;
use crate::verdict::{Checked, NotPassed, ensure};

/// The largest quota that is used up; an override may be larger.
const LARGEST: u64 = 30;

/// Nothing is changed: the body lacks what is needed.
pub(crate) async fn counts_down(run: &Run) -> Checked {
    let request = Request::post("/auth/password").bearer(run.account.access()?).json(&json!({}));
    let first = run.client.send(&request).await?;
    first.expect_problem(422)?;
    let limit = RateLimit::of(&first, "password")?;
    ensure(limit.remaining + 1 == limit.quota, || {
        format!("expected all but one of the quota left, got {limit:?}")
    })?;
    if limit.quota > LARGEST {
        return Err(NotPassed::NotRun(format!("the quota is overridden: {} requests", limit.quota)));
    }
    for remaining in (0..limit.remaining).rev() {
        let response = run.client.send_once(&request).await?;
        let told = RateLimit::of(response.expect_problem(422)?, "password")?;
        ensure((told.quota, told.remaining) == (limit.quota, remaining), || {
            format!("expected {remaining} of {} left, got {told:?}", limit.quota)
        })?;
    }
    let refused = run.client.send_once(&request).await?;
    expect_refusal(&refused, "password")?;
    Ok(format!("{} requests per {} s", limit.quota, limit.window))
}

/// Fails unless this is a 429 that tells when to come back.
pub(crate) fn expect_refusal(response: &Response, name: &str) -> Result<(), NotPassed> {
    let limit = RateLimit::of(response.expect_problem(429)?, name)?;
    let wait = response.retry_after().unwrap_or_default().as_secs();
    let is_sound = limit.remaining == 0 && (1..=limit.window).contains(&wait);
    response.ensure(is_sound, "nothing left, and a Retry-After within the window")?;
    Ok(())
}
