//! A quota, used up by the run's own session and therefore in nobody's way: that of password changes.

use acceptance::rate_limit::RateLimit;
use acceptance::request::Request;
use acceptance::run::Run;
use acceptance::verdict::{Checked, NotPassed, ensure};
use serde_json::json;

use super::People;

/// The largest quota that is used up; an override may be larger.
const LARGEST: u64 = 30;

/// Nothing is changed: the body lacks what is needed.
pub(crate) async fn counts_down(run: &Run, people: &People) -> Checked {
    let request = Request::post("/auth/password").bearer(people.account.access()?).json(&json!({}));
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
    RateLimit::expect_used_up(&refused, "password")?;
    Ok(format!("{} requests per {} s", limit.quota, limit.window))
}
