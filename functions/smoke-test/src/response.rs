//! The HTTP response of a function, as it returns it to Lambda.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// An HTTP response whose body is text.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Response {
    #[serde(rename = "statusCode")]
    pub(crate) status: u16,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: Option<String>,
}

impl Response {
    /// Reads what a function returned.
    pub(crate) fn read(payload: &[u8]) -> Result<Self, &'static str> {
        serde_json::from_slice(payload).map_err(|_| "the function returned no HTTP response")
    }

    /// The value of a header, whose name is in lower case as functions write it.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// The body as JSON; `null` if it is none.
    pub(crate) fn json(&self) -> Value {
        self.body.as_deref().and_then(|body| serde_json::from_str(body).ok()).unwrap_or_default()
    }
}
