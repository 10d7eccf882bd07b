//! What only a deployment shows: the gateway in front of the functions, and the start of a function.

use std::process::Stdio;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use acceptance::request::Request;
use acceptance::response::Response;
use acceptance::run::Run;
use acceptance::verdict::{Checked, NotPassed, PASSED, ensure};
use futures_util::future::join_all;
use hyper::Version;
use serde_json::Value;
use tokio::process::Command;
use tokio::time::sleep;

use super::millis;

/// The gateway writes its request id here.
const REQUEST_ID: &str = "apigw-requestid";
/// Requests at once to a route of which the gateway admits 20.
const FLOOD: usize = 60;
/// How much this machine's clock may be ahead.
const CLOCKS_DIFFER: Duration = Duration::from_mins(5);
/// How often the access log is read until the line must be there, and the pause between.
const READINGS: (usize, Duration) = (12, Duration::from_secs(10));

/// Told, not judged. Everything is in it: the connection, the start of the function and of its own connections.
pub(crate) async fn cold_start(run: &Run) -> Checked {
    asked_for(run)?;
    if !run.options.cold_start {
        return Err(NotPassed::NotRun(
            "--cold-start says that this is the first request since a deployment".into(),
        ));
    }
    let request = Request::get("/health/ready");
    let first = run.client.send_once(&request).await?;
    need_gateway(&first)?;
    let second = run.client.send_once(&request).await?;
    Ok(format!(
        "{} ms with the connection (status {}), the next one {} ms (status {}); told, not judged",
        millis(first.elapsed),
        first.status,
        millis(second.elapsed),
        second.status
    ))
}

/// The client trusts the machine's public authorities alone, so a response over https is the proof.
pub(crate) async fn tls(run: &Run) -> Checked {
    asked_for(run)?;
    let scheme = run.options.url.scheme();
    ensure(scheme == "https", || format!("expected https, got {scheme}"))?;
    need_gateway(&run.client.send(&Request::get("/health")).await?)?;
    PASSED
}

pub(crate) async fn http_version(run: &Run) -> Checked {
    asked_for(run)?;
    let response = run.client.send(&Request::get("/health")).await?;
    ensure(response.version == Version::HTTP_2, || format!("expected HTTP/2, got {:?}", response.version))?;
    PASSED
}

/// An unknown path costs no invocation.
pub(crate) async fn unknown_path(run: &Run) -> Checked {
    asked_for(run)?;
    let response = run.client.send(&Request::get("/acceptance/no-such-path")).await?;
    need_gateway(response.expect(404)?)?;
    response.expect_header("content-type", "application/json")?;
    response.ensure(response.text("message") == "Not Found", "the gateway's own message")?;
    PASSED
}

/// `OPTIONS` is not counted by the API and touches no store, so what is refused was refused by the gateway. What it
/// admits may be more than a new account may run at once, which is a 503.
pub(crate) async fn throttle(run: &Run) -> Checked {
    asked_for(run)?;
    let request = Request::new("OPTIONS", "/health/ready");
    let responses = join_all((0..FLOOD).map(|_| run.client.send_once(&request))).await;
    let mut refused = 0;
    for response in responses {
        let response = response?;
        if response.status == 429 {
            need_gateway(&response)?;
            response.ensure(response.text("message") == "Too Many Requests", "the gateway's own message")?;
            refused += 1;
        }
    }
    ensure(refused > 0, || format!("expected a 429 among {FLOOD} requests at once, got none"))?;
    Ok(format!("{refused} of {FLOOD} at once were refused"))
}

/// The line has the route and no query, in which a careless client may have put a token.
pub(crate) async fn access_log(run: &Run) -> Checked {
    asked_for(run)?;
    let since =
        (SystemTime::now() - CLOCKS_DIFFER).duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let response = run.client.send(&Request::get("/health?acceptance-query")).await?;
    let id = need_gateway(&response)?;
    let Some(group) = &run.options.access_log else {
        return Err(NotPassed::NotRun("--access-log names the gateway's log group".into()));
    };
    for _ in 0..READINGS.0 {
        if let Some(line) = find_line(group, id, since).await? {
            let entry: Value = serde_json::from_str(&line).unwrap_or_default();
            let is_right = entry["status"].as_str() == Some(&response.status.to_string())
                && entry["method"] == "GET"
                && entry["route"].as_str().is_some_and(|route| route.ends_with(" /health"));
            ensure(is_right && !line.contains("acceptance-query"), || {
                format!("expected JSON with method, route and status, and no query, got {line}")
            })?;
            return PASSED;
        }
        sleep(READINGS.1).await;
    }
    let seconds = READINGS.1.as_secs() * READINGS.0 as u64;
    Err(NotPassed::Failed(format!("expected a line with the request id {id} within {seconds} s, got none")))
}

/// The first line since then, in milliseconds of Unix time, that holds this text.
async fn find_line(group: &str, text: &str, since: u128) -> Result<Option<String>, NotPassed> {
    let mut command = Command::new("aws");
    command.args(["logs", "filter-log-events", "--output", "json", "--log-group-name", group]);
    command.args(["--filter-pattern", &format!("\"{text}\""), "--start-time", &since.to_string()]);
    let failed = |why: String| NotPassed::Failed(format!("aws logs filter-log-events: {}", why.trim()));
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output().await;
    let output = output.map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    let found: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    Ok(found["events"][0]["message"].as_str().map(str::to_owned))
}

/// The gateway's id of the request, which proves that a gateway was there.
fn need_gateway(response: &Response) -> Result<&str, NotPassed> {
    response.need_header(REQUEST_ID)
}

fn asked_for(run: &Run) -> Result<(), NotPassed> {
    if run.options.aws {
        Ok(())
    } else {
        Err(NotPassed::NotRun("only a deployment shows this; --aws".into()))
    }
}
