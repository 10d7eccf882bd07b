//! The secret that a CDN in front of the API, such as `CloudFront`, sends along with every request.
//!
//! A gateway behind a CDN still answers at its own address. Whoever asks there goes past the firewall of the CDN, and
//! could write what only the CDN may write: the address of the client. With `ORIGIN_SECRET_DIGESTS` a request must
//! bring the secret, which nobody but the CDN knows. Then, and only then, its client is the one that the CDN saw
//! ([`ClientNetwork::of_viewer`]). Any other request is refused before it costs anything, unless
//! `ORIGIN_SECRET_REQUIRED=false`: while clients move to the CDN, both ways are open, and each tells the right address.
//!
//! Two or three secrets are valid while they are being changed. The variable has their digests, so that whoever may
//! read the configuration of a function does not learn them.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use hmac::digest::CtOutput;
use sha2::{Digest as _, Sha256};

use super::client_network::ClientNetwork;
use super::error::Error;
use crate::config::{self, Env};

const VARIABLE: &str = "ORIGIN_SECRET_DIGESTS";

/// The header with the secret.
const HEADER: &str = "x-origin-secret";

/// The secrets that are valid, by their digests. Comparing two of these takes the same time whatever they hold.
pub(crate) struct OriginSecret {
    digests: Vec<CtOutput<Sha256>>,
    is_required: bool,
}

impl OriginSecret {
    /// Reads `ORIGIN_SECRET_DIGESTS`: one to three SHA-256 digests in hex, with commas between; and
    /// `ORIGIN_SECRET_REQUIRED` (default `true`). `None` if there is no digest.
    pub(crate) fn from_env(env: &Env) -> Result<Option<Self>, config::Error> {
        let is_required = env.parsed("ORIGIN_SECRET_REQUIRED", true)?;
        let Some(text) = env.optional(VARIABLE) else { return Ok(None) };
        let digests: Option<Vec<_>> = text.split(',').map(|digest| parse(digest.trim())).collect();
        match digests {
            Some(digests) if digests.len() <= 3 => Ok(Some(Self { digests, is_required })),
            _ => Err(config::Error::invalid(
                VARIABLE,
                "is not one to three SHA-256 digests in hex, with commas between",
            )),
        }
    }

    /// Takes the secret out of `headers`, so that nothing that sees the request later can reveal it, and tells whether
    /// it is valid. Two of them are none.
    fn take_from(&self, headers: &mut HeaderMap) -> bool {
        let is_single = headers.get_all(HEADER).iter().nth(1).is_none();
        let secret = headers.remove(HEADER).filter(|_| is_single);
        secret.is_some_and(|secret| {
            let digest = CtOutput::from(Sha256::digest(secret.as_bytes()));
            // Compared with all, so that the time does not tell which one it is.
            self.digests.iter().filter(|valid| **valid == digest).count() > 0
        })
    }
}

fn parse(hex: &str) -> Option<CtOutput<Sha256>> {
    let mut digest = [0; 32];
    hex::decode_to_slice(hex, &mut digest).ok()?;
    Some(CtOutput::new(digest.into()))
}

/// The layer around every route and the router's own errors, if there is a secret.
pub(crate) async fn require_secret(
    State(secret): State<Arc<OriginSecret>>,
    mut request: Request,
    next: Next,
) -> Response {
    if secret.take_from(request.headers_mut()) {
        let network = ClientNetwork::of_viewer(request.headers());
        request.extensions_mut().insert(network);
    } else if secret.is_required {
        return Error::ClosedAddress.into_response();
    }
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    /// The digest of `secret`, by `sha256sum`.
    const DIGEST: &str = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";

    fn read(value: &str) -> Result<Option<OriginSecret>, config::Error> {
        OriginSecret::from_env(&Env::of([(VARIABLE, value)]))
    }

    #[test]
    fn the_variable_has_one_to_three_digests() {
        assert!(read("").unwrap().is_none());
        for (value, count) in [
            (DIGEST.to_owned(), 1),
            (DIGEST.to_uppercase(), 1),
            (format!("{DIGEST} , {DIGEST}"), 2),
            ([DIGEST; 3].join(","), 3),
        ] {
            assert_eq!(read(&value).unwrap().unwrap().digests.len(), count);
        }
        for value in ["secret", &DIGEST[1..], &format!("{DIGEST},"), &[DIGEST; 4].join(","), &"z".repeat(64)]
        {
            let error = read(value).err().unwrap().to_string();
            assert!(error.starts_with(VARIABLE) && !error.contains(value), "{error}");
        }
    }

    #[test]
    fn one_valid_secret_is_taken_out_and_nothing_else_is_accepted() {
        let other = "0".repeat(64);
        let secret = read(&format!("{other},{DIGEST}")).unwrap().unwrap();
        for (values, is_valid) in [
            (&["secret"][..], true),
            (&[], false),
            (&[""], false),
            (&["Secret"], false),
            (&[DIGEST], false),
            (&["secret", "secret"], false),
            (&["wrong", "secret"], false),
            (&["secret,secret"], false),
        ] {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(HEADER, HeaderValue::from_static(value));
            }
            assert_eq!(secret.take_from(&mut headers), is_valid, "{values:?}");
            assert!(headers.is_empty());
        }
    }
}
