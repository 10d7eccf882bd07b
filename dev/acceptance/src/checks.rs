//! What is checked, in its order: a module for each subject, a function for each line of the report.

mod aws;
mod cache;
mod cleanup;
mod cors;
// part of rl-demo, bf-demo
mod demos;
// end of part
mod documents;
mod errors;
mod health;
mod idempotency;
mod items;
mod limits;
mod lockout;
mod sessions;
mod sign_in;

use crate::report::Report;
use crate::run::Run;

/// Runs every check.
pub(crate) async fn all(run: &mut Run, report: &mut Report) {
    whole_api(run, report).await;
    books(run, report).await;
    accounts(run, report).await;
    gateway(run, report).await;
    report.check("cleanup: an administrator deletes the run's books", cleanup::books(run)).await;
    report.check("no server errors", async { run.server_errors() }).await;
    cleanup::tell_what_stays(run, report);
    report.tell_effort(&run.client.counts, run.client.elapsed().as_secs());
}

async fn whole_api(run: &mut Run, report: &mut Report) {
    report.check("aws: the first request after a deployment", aws::cold_start(run)).await;
    report.check("health: the stores are ready", health::ready(run)).await;
    report.check("health: the API is alive", health::alive(run)).await;
    report.check("documents: the OpenAPI description", documents::description(run)).await;
    report.check("documents: the page to try the API out", documents::page(run)).await;
    report.check("sign-in: an account is registered", sign_in::register(run)).await;
    report.check("sign-in: a name is taken once", sign_in::register_again(run)).await;
    report.check("sign-in: a password is exchanged for tokens", sign_in::sign_in(run)).await;
    report.check("sign-in: tokens verify against the key set", sign_in::verify(run)).await;
    report.check("sign-in: the token says who the caller is", sign_in::me(run)).await;
    report.check("sign-in: a changed token is refused", sign_in::forged(run)).await;
}

async fn books(run: &mut Run, report: &mut Report) {
    report.check("books: a book is created", items::create(run)).await;
    report.check("books: Location leads to it, and it has a tag", items::read(run)).await;
    report.check("books: a search finds it", items::search(run)).await;
    report.check("books: an update changes what was sent", items::update(run)).await;
    report.check("books: an unchanged book is not sent again", items::not_modified(run)).await;
    report.check("books: an outdated tag changes nothing", items::precondition(run)).await;
    report.check("books: pages follow each other by cursor", items::pages(run)).await;
    report.check("errors: 401 without a token", errors::unauthenticated(run)).await;
    report.check("errors: 403 without the role", errors::forbidden(run)).await;
    report.check("errors: 404 for what is not there", errors::not_found(run)).await;
    report.check("errors: 405 names the methods there are", errors::wrong_method(run)).await;
    report.check("errors: 415 and 400 for a body that is no JSON", errors::bodies(run)).await;
    report.check("errors: 422 names every field", errors::invalid_fields(run)).await;
    report.check("security headers", errors::security_headers(run)).await;
    report.check("cache: a repeated list is the same", cache::repeated(run)).await;
    report.check("cache: an unchanged list is not sent again", cache::not_modified(run)).await;
    report.check("cache: a list shows every write before it", cache::fresh(run)).await;
    report.check("cache: median time of a cached list", cache::latency(run)).await;
    report.check("idempotency: the same request twice is one book", idempotency::twice(run)).await;
    report.check("idempotency: a key belongs to one body", idempotency::other_body(run)).await;
    report.check("idempotency: two at once are one book", idempotency::twins(run)).await;
}

async fn accounts(run: &mut Run, report: &mut Report) {
    report.check("sessions: the caller sees its session", sessions::list(run)).await;
    report.check("sessions: a refresh token is used once", sessions::refresh(run)).await;
    report.check("sessions: a used token ends the session after the grace", sessions::reuse(run)).await;
    report.check("sessions: a logout ends one session", sessions::logout(run)).await;
    report.check("sessions: a logout everywhere ends all", sessions::logout_all(run)).await;
    report.check("limits: a quota counts down and then refuses", limits::counts_down(run)).await;
    // part of rl-demo
    report.check("limits: ping passes again after Retry-After", demos::rl_demo::ping(run)).await;
    // end of part
    report.check("lockout: wrong guesses lock the account", lockout::locks(run)).await;
    report.check("lockout: other accounts stay open", lockout::others(run)).await;
    // part of bf-demo
    report.check("lockout: the demo shows its lock", demos::bf_demo::lock(run)).await;
    // end of part
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
