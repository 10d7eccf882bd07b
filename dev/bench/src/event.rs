//! Requests as events of API Gateway (payload format version 2.0), which the functions and the peer both read.

use serde_json::{Value, json};

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
        let (path, query) = self.target.split_once('?').unwrap_or((&self.target, ""));
        let mut event = json!({
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": path,
            "rawQueryString": query,
            "headers": {"host": "api.example", "user-agent": "bench", "accept": "*/*"},
            "requestContext": {
                "accountId": "123456789012",
                "apiId": "api-id",
                "domainName": "api.example",
                "domainPrefix": "api",
                "http": {
                    "method": self.method, "path": path, "protocol": "HTTP/1.1",
                    "sourceIp": "192.0.2.1", "userAgent": "bench",
                },
                "requestId": "gateway-request-id",
                "routeKey": "$default",
                "stage": "$default",
                "time": "01/Jan/2026:00:00:00 +0000",
                "timeEpoch": 1_767_225_600_000_u64,
            },
            "isBase64Encoded": false,
        });
        for (name, value) in &self.headers {
            event["headers"][*name] = value.as_str().into();
        }
        if !self.body.is_empty() {
            event["body"] = self.body.as_str().into();
        }
        event.to_string()
    }
}
