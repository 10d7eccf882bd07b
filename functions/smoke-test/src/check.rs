//! One HTTP request to a version, and the response that it must get.

use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::net::Ipv6Addr;

use serde_json::{Value, json};

use crate::fault::Fault;
use crate::response::Response;

/// The network of IPv6 for documentation (RFC 3849), in which nobody is.
const DOCUMENTATION: u128 = 0x2001_0db8 << 96;

/// A request, and what makes its response the right one.
pub(crate) struct Check {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) query: &'static str,
    /// A form to send.
    pub(crate) form: Option<&'static str>,
    /// The status of the response.
    pub(crate) status: u16,
    /// Tells whether the body, as JSON, has the right form.
    pub(crate) is_right: fn(&Value) -> bool,
}

impl Check {
    /// The event of the request, in payload format 2.0, from a network that is another one for each `seed`. Functions
    /// behind a CDN take the network from a header, if the request brings the secret of the CDN.
    pub(crate) fn event(&self, seed: impl Hash, origin_secret: Option<&str>) -> Value {
        let network = network(seed);
        let mut event = json!({
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": self.path,
            "rawQueryString": self.query,
            "headers": {"accept": "*/*", "user-agent": crate::NAME},
            "requestContext": {
                "http": {
                    "method": self.method, "path": self.path, "protocol": "HTTP/1.1",
                    "sourceIp": network, "userAgent": crate::NAME,
                },
                "routeKey": "$default",
                "stage": "$default",
                "timeEpoch": 0,
            },
            "isBase64Encoded": false,
        });
        if let Some(form) = self.form {
            event["headers"]["content-type"] = "application/x-www-form-urlencoded".into();
            event["body"] = form.into();
        }
        if let Some(secret) = origin_secret {
            event["headers"]["x-origin-secret"] = secret.into();
            event["headers"]["x-viewer-address"] = network.into();
        }
        event
    }

    /// Judges the response of a version.
    ///
    /// A 503 and a response that was not counted are temporary: a store does not answer yet.
    pub(crate) fn judge(&self, response: &Response) -> Result<(), Fault> {
        let (body, expected) = (response.json(), self.status);
        if response.status == 503 {
            Err(Fault::temporary("the status is 503"))
        } else if response.status != expected {
            Err(Fault::Lasting(format!("the status is {} and not {expected}", response.status)))
        } else if !(self.is_right)(&body) {
            Err(Fault::lasting("the body has not the right form"))
        } else if response.header("ratelimit").is_none() {
            // A function serves requests uncounted while the limiter gets no answer from Redis.
            Err(Fault::temporary("the request was not counted, since Redis did not answer"))
        } else {
            Ok(())
        }
    }
}

/// An address in the documentation's networks. The limiter and the lockout count by network, so requests of different
/// seeds use up no quota together, and no client's.
fn network(seed: impl Hash) -> String {
    let mut hasher = DefaultHasher::new();
    seed.hash(&mut hasher);
    let network = u128::from(hasher.finish() & 0xffff_ffff) << 64;
    Ipv6Addr::from_bits(DOCUMENTATION | network | 1).to_string()
}
