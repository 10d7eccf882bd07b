//! A response, and what checks expect of it.

use std::time::Duration;

use hyper::{HeaderMap, Version};
use serde_json::Value;

use crate::verdict::{NotPassed, ensure};

/// The most characters of a body in the report.
const EXCERPT: usize = 200;

/// A response, read to its end.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    /// Method and target of the request.
    pub(crate) request: String,
    pub(crate) status: u16,
    pub(crate) version: Version,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
    /// From the request to the end of the body.
    pub(crate) elapsed: Duration,
}

impl Response {
    /// A header; `None` also if it is no text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as JSON; `null` if it is none.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// A string member of the body; empty if there is none.
    pub(crate) fn text(&self, member: &str) -> String {
        self.json()[member].as_str().unwrap_or_default().to_owned()
    }

    /// `Retry-After`, in seconds.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        self.header("retry-after")?.parse().ok().map(Duration::from_secs)
    }

    /// Fails unless this is the status.
    pub(crate) fn expect(&self, status: u16) -> Result<&Self, NotPassed> {
        self.ensure(self.status == status, &format!("status {status}"))
    }

    /// Fails unless the header has this value.
    pub(crate) fn expect_header(&self, name: &str, value: &str) -> Result<&Self, NotPassed> {
        let got = self.header(name);
        ensure(got == Some(value), || {
            format!("{}: expected `{name}: {value}`, got {}", self.request, got.unwrap_or("no such header"))
        })?;
        Ok(self)
    }

    /// Fails unless the header is there; returns its value.
    pub(crate) fn need_header(&self, name: &str) -> Result<&str, NotPassed> {
        let missing = || NotPassed::Failed(format!("{}: expected a header `{name}`, got none", self.request));
        self.header(name).ok_or_else(missing)
    }

    /// Fails with the response unless this holds.
    pub(crate) fn ensure(&self, holds: bool, expected: &str) -> Result<&Self, NotPassed> {
        ensure(holds, || format!("{}: expected {expected}, got {}", self.request, self.excerpt()))?;
        Ok(self)
    }

    /// Fails unless this is a problem document (RFC 9457) of this status, with the headers that belong to it.
    pub(crate) fn expect_problem(&self, status: u16) -> Result<&Self, NotPassed> {
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
    pub(crate) fn expect_invalid(&self, fields: &[&str]) -> Result<&Self, NotPassed> {
        let problem = self.expect_problem(422)?.json();
        let errors = problem["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
        let named: Vec<_> = errors.iter().filter_map(|error| error["field"].as_str()).collect();
        self.ensure(named == fields, &format!("errors of the fields {fields:?}"))
    }

    /// Fails unless this is an error of the token endpoint (RFC 6749 §5.2) that tells of no account.
    pub(crate) fn expect_invalid_grant(&self) -> Result<&Self, NotPassed> {
        self.expect_problem(400)?;
        self.ensure(self.text("error") == "invalid_grant", "the error invalid_grant")
    }

    /// Status and the beginning of the body, on one line.
    fn excerpt(&self) -> String {
        let body: String =
            self.body.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(EXCERPT).collect();
        format!("{} {body}", self.status)
    }
}
