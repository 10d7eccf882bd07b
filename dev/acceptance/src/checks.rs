//! What is checked, in its order: a module for each subject, a function for each line of the report.

mod auth;
mod aws;
mod bf_demo;
mod books;
mod cors;
mod documents;
mod errors;
mod health;
mod rl_demo;
mod writes;

use std::time::Duration;

use acceptance::report::Report;
use acceptance::run::Run;

/// Runs every check.
pub(crate) async fn all(run: &Run, report: &mut Report) {
    whole_api(run, report).await;
    // part of auth
    let mut people = auth::People::of(run, report);
    auth::check(run, &mut people, report).await;
    // end of part
    // part of books
    books::check(run, report).await;
    // end of part
    // part of auth and books
    let mut writer = writes::Writer::of(run, &people.account);
    writes::check(&mut writer, report).await;
    // end of part
    // part of rl-demo
    report.check("limits: ping passes again after Retry-After", rl_demo::ping(run)).await;
    // end of part
    // part of bf-demo
    report.check("lockout: the demo shows its lock", bf_demo::lock(run)).await;
    // end of part
    gateway(run, report).await;
    // part of auth and books
    writes::clean_up(&mut writer, report).await;
    // end of part
    report.check("no server errors", async { run.server_errors() }).await;
    report.tell_effort(&run.client.counts, run.client.elapsed().as_secs());
}

async fn whole_api(run: &Run, report: &mut Report) {
    report.check("aws: the first request after a deployment", aws::cold_start(run)).await;
    report.check("health: the stores are ready", health::ready(run)).await;
    report.check("health: the API is alive", health::alive(run)).await;
    report.check("documents: the OpenAPI description", documents::description(run)).await;
    report.check("documents: the page to try the API out", documents::page(run)).await;
    report.check("errors: 404 for what is not there", errors::not_found(run)).await;
    report.check("errors: 405 names the methods there are", errors::wrong_method(run)).await;
    report.check("security headers", errors::security_headers(run)).await;
}

async fn gateway(run: &Run, report: &mut Report) {
    report.check("cors: a foreign origin gets no permission", cors::foreign(run)).await;
    report.check("cors: the preflight permits the origin", cors::preflight(run)).await;
    report.check("cors: the origin may read the response", cors::actual(run)).await;
    report.check("aws: TLS with a certificate of a public authority", aws::tls(run)).await;
    report.check("aws: HTTP/2", aws::http_version(run)).await;
    report.check("aws: the gateway answers for unknown paths", aws::unknown_path(run)).await;
    report.check("aws: the gateway's throttle", aws::throttle(run)).await;
    report.check("aws: a line in the access log", aws::access_log(run)).await;
}

/// Milliseconds with one decimal.
fn millis(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1e3)
}
