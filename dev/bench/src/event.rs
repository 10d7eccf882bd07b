//! Requests as events of API Gateway (payload format version 2.0), which the functions and the peer both read.

use serde_json::Value;
use testkit::gateway_events::http_api_event;

/// An HTTP request.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) method: &'static str,
    /// A path, optionally followed by `?` and a query.
    pub(super) target: String,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: String,
}

impl Request {
    pub(super) fn get(target: impl Into<String>) -> Self {
        Self { method: "GET", target: target.into(), headers: Vec::new(), body: String::new() }
    }

    pub(super) fn json(method: &'static str, target: impl Into<String>, body: &Value) -> Self {
        let headers = vec![("content-type", "application/json".to_owned())];
        Self { method, target: target.into(), headers, body: body.to_string() }
    }

    pub(super) fn form(target: impl Into<String>, body: impl Into<String>) -> Self {
        let headers = vec![("content-type", "application/x-www-form-urlencoded".to_owned())];
        Self { method: "POST", target: target.into(), headers, body: body.into() }
    }

    pub(super) fn bearer(mut self, token: &str) -> Self {
        self.headers.push(("authorization", format!("Bearer {token}")));
        self
    }

    /// The JSON of the event.
    pub(super) fn event(&self) -> String {
        self.to_json().to_string()
    }

    /// The same from a caller with this IP address.
    pub(super) fn event_from(&self, ip: &str) -> String {
        let mut event = self.to_json();
        event["requestContext"]["http"]["sourceIp"] = ip.into();
        event.to_string()
    }

    fn to_json(&self) -> Value {
        let (path, query) = self.target.split_once('?').unwrap_or((&self.target, ""));
        let mut event = http_api_event(self.method, path, query);
        event["headers"]["accept"] = "*/*".into();
        for (name, value) in &self.headers {
            event["headers"][*name] = value.as_str().into();
        }
        if !self.body.is_empty() {
            event["body"] = self.body.as_str().into();
        }
        event
    }
}
