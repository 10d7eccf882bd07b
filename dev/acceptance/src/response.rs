//! A response, and what checks expect of it.

use std::time::Duration;

use hyper::{HeaderMap, Version};
use serde_json::Value;

use crate::verdict::{NotPassed, ensure};

/// The most characters of a body in the report.
const EXCERPT: usize = 200;

/// A response, read to its end.
#[derive(Clone, Debug)]
pub struct Response {
    /// Method and target of the request.
    pub request: String,
    /// Its status.
    pub status: u16,
    /// The version of HTTP.
    pub version: Version,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: String,
    /// From the request to the end of the body.
    pub elapsed: Duration,
}

impl Response {
    /// A header; `None` also if it is no text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as JSON; `null` if it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// A string member of the body; empty if there is none.
    #[must_use]
    pub fn text(&self, member: &str) -> String {
        self.json()[member].as_str().unwrap_or_default().to_owned()
    }

    /// `Retry-After`, in seconds.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.header("retry-after")?.parse().ok().map(Duration::from_secs)
    }

    /// Fails unless this is the status.
    pub fn expect(&self, status: u16) -> Result<&Self, NotPassed> {
        self.ensure(self.status == status, &format!("status {status}"))
    }

    /// A check is not run where neither the gateway nor the API has the path.
    pub fn if_deployed(&self) -> Result<&Self, NotPassed> {
        if self.status == 404 { Err(NotPassed::NotRun("not deployed".into())) } else { Ok(self) }
    }

    /// Fails unless the header has this value.
    pub fn expect_header(&self, name: &str, value: &str) -> Result<&Self, NotPassed> {
        let got = self.header(name);
        ensure(got == Some(value), || {
            format!("{}: expected `{name}: {value}`, got {}", self.request, got.unwrap_or("no such header"))
        })?;
        Ok(self)
    }

    /// Fails unless the header is there; returns its value.
    pub fn need_header(&self, name: &str) -> Result<&str, NotPassed> {
        let missing = || NotPassed::Failed(format!("{}: expected a header `{name}`, got none", self.request));
        self.header(name).ok_or_else(missing)
    }

    /// Fails with the response unless this holds.
    pub fn ensure(&self, holds: bool, expected: &str) -> Result<&Self, NotPassed> {
        ensure(holds, || format!("{}: expected {expected}, got {}", self.request, self.excerpt()))?;
        Ok(self)
    }

    /// Fails unless this is a problem document (RFC 9457) of this status, with the headers that belong to it.
    pub fn expect_problem(&self, status: u16) -> Result<&Self, NotPassed> {
        self.expect(status)?.expect_header("content-type", "application/problem+json")?;
        let is_whole =
            ["type", "title", "detail", "request_id"].iter().all(|name| !self.text(name).is_empty());
        self.ensure(
            is_whole && self.json()["status"] == status,
            "the members type, title, status, detail, request_id",
        )?;
        match status {
            401 | 403 => drop(self.need_header("www-authenticate")?),
            405 => drop(self.need_header("allow")?),
            429 | 503 => drop(self.need_header("retry-after")?),
            _ => {}
        }
        Ok(self)
    }

    /// Fails unless this is a 422 that names just these fields.
    pub fn expect_invalid(&self, fields: &[&str]) -> Result<&Self, NotPassed> {
        let problem = self.expect_problem(422)?.json();
        let errors = problem["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
        let named: Vec<_> = errors.iter().filter_map(|error| error["field"].as_str()).collect();
        self.ensure(named == fields, &format!("errors of the fields {fields:?}"))
    }

    /// Fails unless this is an error of the token endpoint (RFC 6749 §5.2) that tells of no account.
    pub fn expect_invalid_grant(&self) -> Result<&Self, NotPassed> {
        self.expect_problem(400)?;
        self.ensure(self.text("error") == "invalid_grant", "the error invalid_grant")
    }

    /// Fails unless this is what a request without a token gets: a challenge without an error (RFC 6750 §3.1).
    pub fn expect_unauthenticated(&self) -> Result<&Self, NotPassed> {
        let challenge = self.expect_problem(401)?.need_header("www-authenticate")?;
        let is_bare = challenge.starts_with("Bearer") && !challenge.contains("error=");
        self.ensure(is_bare, "a challenge without an error")
    }

    /// Fails unless this is a problem document with a challenge that names this error (RFC 6750 §3.1).
    pub fn expect_refused_token(&self, status: u16, error: &str) -> Result<&Self, NotPassed> {
        let challenge = self.expect_problem(status)?.need_header("www-authenticate")?;
        self.ensure(challenge.contains(&format!("error=\"{error}\"")), &format!("a challenge with {error}"))
    }

    /// Status and the beginning of the body, on one line.
    fn excerpt(&self) -> String {
        let body: String =
            self.body.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(EXCERPT).collect();
        format!("{} {body}", self.status)
    }
}
