//! The network that a request comes from, by the source address that API Gateway saw.
//!
//! Headers do not count, since a client writes those, with one exception: a request that has brought the secret of the
//! CDN in front (`origin_secret`) has the address that the CDN saw, in a header of the CDN.

use std::convert::Infallible;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap};
use lambda_http::request::RequestContext;

/// The header in which `front.yaml` lets `CloudFront` write the address of its client, which it calls the viewer.
const VIEWER_ADDRESS: &str = "x-viewer-address";

/// The network of a client: an IPv4 address, or the /64 that an IPv6 address is in (one subscriber has all of it).
/// Clients without an address share one network, `unknown`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientNetwork(Option<IpAddr>);

impl ClientNetwork {
    /// The name of the client's network; `None` if there is no address.
    pub(super) fn name(extensions: &Extensions) -> Option<String> {
        let network = Self::of(extensions);
        network.0.map(|_| network.to_string())
    }

    /// Whether there is an address. What is counted without one is counted for all such clients together.
    #[must_use]
    pub fn is_known(self) -> bool {
        self.0.is_some()
    }

    /// The network of the client that `CloudFront` saw, for a request that is known to come from there.
    pub(super) fn of_viewer(headers: &HeaderMap) -> Self {
        let mut values = headers.get_all(VIEWER_ADDRESS).iter();
        let (Some(value), None) = (values.next(), values.next()) else { return Self(None) };
        Self::from_text(value.to_str().unwrap_or_default())
    }

    /// The network that was found out before, or else that of the source address in the request context of API Gateway.
    fn of(extensions: &Extensions) -> Self {
        if let Some(network) = extensions.get::<Self>() {
            return *network;
        }
        let source = match extensions.get::<RequestContext>() {
            Some(RequestContext::ApiGatewayV2(context)) => context.http.source_ip.as_deref(),
            Some(RequestContext::ApiGatewayV1(context)) => context.identity.source_ip.as_deref(),
            _ => None,
        };
        Self::from_text(source.unwrap_or_default())
    }

    fn from_text(text: &str) -> Self {
        Self(text.parse::<IpAddr>().ok().map(|address| match address.to_canonical() {
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64))),
            v4 @ IpAddr::V4(_) => v4,
        }))
    }
}

impl fmt::Display for ClientNetwork {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(IpAddr::V6(network)) => write!(formatter, "{network}/64"),
            Some(IpAddr::V4(address)) => write!(formatter, "{address}"),
            None => formatter.write_str("unknown"),
        }
    }
}

impl<S: Sync> FromRequestParts<S> for ClientNetwork {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.extensions))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        ClientNetwork::from_text(text).to_string()
    }

    #[test]
    fn one_subscriber_is_one_network() {
        assert_eq!(shown("2001:db8:1:2::1"), shown("2001:db8:1:2:ffff::9"));
        assert_ne!(shown("2001:db8:1:2::1"), shown("2001:db8:1:3::1"));
        assert_eq!(shown("::ffff:192.0.2.1"), "192.0.2.1");
    }

    #[test]
    fn a_viewer_has_one_address() {
        let shown = |values: &[&'static str]| {
            let lines = values.iter().map(|value| (VIEWER_ADDRESS.parse().unwrap(), value.parse().unwrap()));
            ClientNetwork::of_viewer(&lines.collect()).to_string()
        };
        for (values, network) in [
            (&["203.0.113.7"][..], "203.0.113.7"),
            (&["2001:db8:1:2:3:4:5:6"], "2001:db8:1:2::/64"),
            (&[], "unknown"),
            (&["203.0.113.7", "203.0.113.7"], "unknown"),
        ] {
            assert_eq!(shown(values), network, "{values:?}");
        }
    }

    #[test]
    fn an_address_that_is_none_is_unknown() {
        for text in ["", "example", "192.0.2.1:80", "192.0.2.1, 192.0.2.2", "fe80::1%eth0"] {
            assert_eq!(shown(text), "unknown");
        }
    }
}
