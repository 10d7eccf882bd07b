//! A client of one function. It sends events as an HTTP API of API Gateway does (payload format version 2.0).
//!
//! Every client has an IP address of its own, because rate limits count by network: tests do not use up each
//! other's quotas.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use uuid::Uuid;

use shared::config::{self, Env};
use shared::lambda::EventHandler;
use shared::lambda::function::Function;
use stack::cache_users::{self, ADMIN_VARIABLE};
use stack::environment::{Failure, under_role};

use crate::gateway_events::http_api_event;
use crate::invoke::Invoke;

/// A client of one execution environment of a function.
#[derive(Clone)]
pub struct Client {
    function: Arc<dyn Invoke>,
    ip: String,
}

/// A request that is being built.
#[must_use = "a request does nothing until it is sent"]
pub struct RequestBuilder<'a> {
    client: &'a Client,
    event: Value,
}

/// The response of a function.
#[derive(Debug, Clone)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The whole response, as the function returned it to Lambda.
    pub raw: Value,
}

impl Client {
    /// Starts `F` in this process with this configuration, under [the database role of `F`](under_role) and, on a
    /// server of the stack, as its [user of the cache](cache_users). The client gets a network of its own.
    ///
    /// # Panics
    /// When `template.yaml`, which names the users, cannot be read.
    pub fn start<F: Function>(env: Env) -> Result<Self, config::Error> {
        let database = env.optional("DATABASE_URL").map(|url| ("DATABASE_URL", under_role(F::NAME, url)));
        // A function that a test makes up keeps the user who may do what any function may.
        let cache =
            env.optional("REDIS_URL").filter(|_| env.optional(ADMIN_VARIABLE).is_some()).and_then(|url| {
                let url = cache_users::url_for(F::NAME, url).expect("tests run in the workspace");
                Some(("REDIS_URL", url?))
            });
        let urls: Vec<_> = database.into_iter().chain(cache).collect();
        Ok(Self::of(EventHandler::from_env::<F>(&env.with(urls))?))
    }

    /// A client of `function`, with a network of its own.
    #[must_use]
    pub fn of(function: impl Invoke + 'static) -> Self {
        Self { function: Arc::new(function), ip: random_ip() }
    }

    /// A client of the same execution environment with an address in a network that no other test uses.
    #[must_use]
    pub fn from_new_network(&self) -> Self {
        self.from_ip(&random_ip())
    }

    /// A client of the same execution environment with the address `ip`.
    #[must_use]
    pub fn from_ip(&self, ip: &str) -> Self {
        Self { function: self.function.clone(), ip: ip.to_owned() }
    }

    /// A client of the same execution environment with the address of `other`.
    #[must_use]
    pub fn from_ip_of(&self, other: &Self) -> Self {
        self.from_ip(&other.ip)
    }

    /// Begins a request. `target` is a decoded path, optionally followed by `?` and a raw query.
    pub fn request(&self, method: &str, target: &str) -> RequestBuilder<'_> {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut event = http_api_event(method, path, query);
        event["requestContext"]["http"]["sourceIp"] = self.ip.as_str().into();
        RequestBuilder { client: self, event }
    }

    /// Begins a `GET` request; `target` is as in [`Client::request`], here and below.
    pub fn get(&self, target: &str) -> RequestBuilder<'_> {
        self.request("GET", target)
    }

    /// Begins a `POST` request.
    pub fn post(&self, target: &str) -> RequestBuilder<'_> {
        self.request("POST", target)
    }

    /// Begins a `PUT` request.
    pub fn put(&self, target: &str) -> RequestBuilder<'_> {
        self.request("PUT", target)
    }

    /// Begins a `DELETE` request.
    pub fn delete(&self, target: &str) -> RequestBuilder<'_> {
        self.request("DELETE", target)
    }

    /// Begins a request with this event.
    pub fn event(&self, event: Value) -> RequestBuilder<'_> {
        RequestBuilder { client: self, event }
    }

    /// Sends a raw event.
    ///
    /// # Errors
    /// When the event is not an HTTP event, or not JSON.
    pub async fn send_event(&self, event: &str) -> Result<Response, Failure> {
        let raw = self.function.invoke(event).await?;
        let status = raw["statusCode"].as_u64().and_then(|status| status.try_into().ok()).unwrap_or_default();
        Ok(Response { status, raw })
    }
}

impl RequestBuilder<'_> {
    /// Sets a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.event["headers"][name] = value.into();
        self
    }

    /// Presents an access token.
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// Sends JSON.
    pub fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json").body(&body.to_string())
    }

    /// Sends a form.
    pub fn form(self, pairs: &[(&str, &str)]) -> Self {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        self.header("content-type", "application/x-www-form-urlencoded").body(&body)
    }

    /// Sends any text.
    pub fn body(mut self, body: &str) -> Self {
        self.event["body"] = body.into();
        self
    }

    /// Sends any bytes, as API Gateway does: in base64.
    pub fn bytes(mut self, body: &[u8]) -> Self {
        use base64::Engine as _;
        self.event["isBase64Encoded"] = true.into();
        self.body(&base64::engine::general_purpose::STANDARD.encode(body))
    }

    /// Sends the request.
    ///
    /// # Panics
    /// When the function returns an error instead of an HTTP response, which no HTTP event may lead to.
    pub async fn send(self) -> Response {
        self.try_send().await.expect("an HTTP event gets an HTTP response")
    }

    /// Sends the request, for a caller who reports a failure of the function and goes on.
    ///
    /// # Errors
    /// When the function returns an error instead of an HTTP response.
    pub async fn try_send(self) -> Result<Response, Failure> {
        self.client.send_event(&self.event.to_string()).await
    }
}

impl Response {
    /// The body as text.
    #[must_use]
    pub fn text(&self) -> &str {
        self.raw["body"].as_str().unwrap_or_default()
    }

    /// The body as JSON; `null` if it is not JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(self.text()).unwrap_or_default()
    }

    /// A header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.raw["headers"].get(name).or_else(|| self.raw["multiValueHeaders"].get(name)?.get(0))?.as_str()
    }

    /// The value of `Retry-After`.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.header("retry-after")?.parse().ok().map(Duration::from_secs)
    }
}

/// A random address from the IPv6 network for documentation (RFC 3849), in a /64 network that no other test uses.
fn random_ip() -> String {
    let bits = Uuid::new_v4().as_u128();
    let network = 0x2001_0db8_u128 << 96 | (bits & 0xffff_ffff) << 64;
    std::net::Ipv6Addr::from_bits(network | 1).to_string()
}
