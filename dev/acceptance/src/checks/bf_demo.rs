//! `bf-demo`: a lock can be seen.

use acceptance::request::Request;
use acceptance::run::Run;
use acceptance::verdict::{Checked, PASSED};
use serde_json::json;

/// Guesses at a name of the run, so that nobody else is locked.
pub(crate) async fn lock(run: &Run) -> Checked {
    let guess = |password: &str| {
        let body = json!({"username": run.name, "password": password});
        Request::post("/bf-demo/login").json(&body)
    };
    let first = run.client.send_once(&guess("wrong")).await?;
    first.if_deployed()?;
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
