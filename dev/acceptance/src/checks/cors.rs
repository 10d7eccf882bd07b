//! What web pages of other origins may do.

use acceptance::request::Request;
use acceptance::run::Run;
use acceptance::verdict::{Checked, NotPassed, PASSED};

const ALLOW_ORIGIN: &str = "access-control-allow-origin";
/// An origin that nobody has (RFC 6761 §6.4).
const FOREIGN: &str = "https://acceptance.invalid";

pub(crate) async fn foreign(run: &Run) -> Checked {
    for request in [Request::get("/openapi.json"), preflight_from(FOREIGN)] {
        let response = run.client.send(&request.header("origin", FOREIGN)).await?;
        let permitted = response.header(ALLOW_ORIGIN);
        response.ensure(permitted.is_none(), &format!("no header `{ALLOW_ORIGIN}`"))?;
    }
    PASSED
}

pub(crate) async fn preflight(run: &Run) -> Checked {
    let origin = origin(run)?;
    let response = run.client.send(&preflight_from(origin)).await?;
    response.expect_header(ALLOW_ORIGIN, origin)?;
    response.ensure((200..300).contains(&response.status), "a status of success")?;
    for (header, values) in [
        ("access-control-allow-methods", ["PUT", "DELETE"]),
        ("access-control-allow-headers", ["authorization", "if-match"]),
    ] {
        let list = response.need_header(header)?.to_lowercase();
        let is_whole = values.iter().all(|value| list.contains(&value.to_lowercase()));
        response.ensure(is_whole, &format!("`{header}` with {}", values.join(" and ")))?;
    }
    PASSED
}

pub(crate) async fn actual(run: &Run) -> Checked {
    let origin = origin(run)?;
    let response = run.client.send(&Request::get("/openapi.json").header("origin", origin)).await?;
    let exposed = response.expect(200)?.expect_header(ALLOW_ORIGIN, origin)?;
    let exposed = exposed.need_header("access-control-expose-headers")?.to_lowercase();
    response
        .ensure(exposed.contains("etag") && exposed.contains("ratelimit"), "etag and ratelimit exposed")?;
    PASSED
}

fn preflight_from(origin: &str) -> Request {
    Request::new("OPTIONS", "/openapi.json")
        .header("origin", origin)
        .header("access-control-request-method", "PUT")
        .header("access-control-request-headers", "authorization,if-match")
}

fn origin(run: &Run) -> Result<&str, NotPassed> {
    let missing = || NotPassed::NotRun("--origin names an origin that is permitted".into());
    run.options.origin.as_deref().ok_or_else(missing)
}
