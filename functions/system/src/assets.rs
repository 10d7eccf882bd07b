//! The files of a page, served from this binary.
//!
//! A large file is a gzip member, as the build script makes it. A client that accepts gzip gets these bytes as they
//! are; for any other client they are inflated.

use axum::extract::RawPathParams;
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, VARY,
};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use lambda_http::request::RequestContext;
use miniz_oxide::inflate::decompress_to_vec;
use shared::http::{EntityTag, Error, IfNoneMatch, Result};
use tokio::task::spawn_blocking;

/// The Content-Security-Policy of a page: scripts, styles and requests are limited to this origin. Images may also be
/// part of the style sheet.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A page that lies at `/<name>`, with its files below.
pub(crate) struct Page {
    pub(crate) name: &'static str,
    /// Names its files by paths that begin with `<name>/`.
    pub(crate) html: &'static str,
    pub(crate) files: &'static [Asset],
}

/// A file that a page loads.
pub(crate) struct Asset {
    pub(crate) name: &'static str,
    pub(crate) media_type: &'static str,
    pub(crate) content: Content,
}

/// The bytes in the binary.
pub(crate) enum Content {
    Plain(&'static str),
    /// One gzip member (RFC 1952) with the shortest header there is.
    Gzip(&'static [u8]),
}

/// The media type of a style sheet.
pub(crate) const CSS: &str = "text/css; charset=utf-8";
/// The media type of a script.
pub(crate) const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

impl Page {
    /// The page itself.
    pub(crate) fn show(&self, context: Option<&RequestContext>) -> Response {
        // `/docs` and `/docs/` are one resource, but a browser resolves relative URLs differently there; absolute ones
        // would leave out a stage in the path.
        let html = if context.is_some_and(path_ends_with_slash) {
            self.html.replace(&format!("=\"{}/", self.name), "=\"")
        } else {
            self.html.to_owned()
        };
        let headers = [
            (CONTENT_TYPE, "text/html; charset=utf-8"),
            (CONTENT_SECURITY_POLICY, POLICY),
            (CACHE_CONTROL, "no-cache"),
        ];
        (headers, html).into_response()
    }

    /// The file that the path names as its `{file}`.
    pub(crate) async fn file(
        &self,
        path: &RawPathParams,
        condition: &IfNoneMatch,
        headers: &HeaderMap,
    ) -> Result<Response> {
        let name = path.iter().find_map(|(parameter, text)| (parameter == "file").then_some(text));
        let asset = self.files.iter().find(|asset| Some(asset.name) == name).ok_or(Error::NotFound)?;
        let response = match asset.content {
            Content::Plain(text) => text.into_response(),
            Content::Gzip(member) if accepts_gzip(headers) => {
                ([(CONTENT_ENCODING, "gzip")], member).into_response()
            }
            Content::Gzip(member) => inflate(member).await?.into_response(),
        };
        let response = ([(CONTENT_TYPE, asset.media_type)], response).into_response();
        let tag = asset.tag(response.headers().contains_key(CONTENT_ENCODING));
        // A file keeps its name when it changes, so a browser must ask each time whether it has the current one.
        let freshness = [(CACHE_CONTROL, "no-cache"), (VARY, "accept-encoding")];
        Ok((freshness, condition.respond(&tag, response)).into_response())
    }
}

impl Asset {
    /// The entity tag, which differs between the encodings of a file (RFC 9110 §8.8.3.3).
    fn tag(&self, compressed: bool) -> EntityTag {
        let content = match self.content {
            Content::Plain(text) => shared::fingerprint::fingerprint([Some(text)]),
            // Its last eight bytes are the CRC-32 and the length of the inflated content.
            Content::Gzip(member) => {
                format!("{:016x}", u64::from_be_bytes(member.last_chunk().copied().unwrap_or_default()))
            }
        };
        EntityTag::new(if compressed { format!("{content}-gzip") } else { content })
    }
}

/// Whether the path of the request ended with a `/`, which the routes do not see: it was removed before.
fn path_ends_with_slash(context: &RequestContext) -> bool {
    let path = match context {
        RequestContext::ApiGatewayV2(context) => context.http.path.as_deref(),
        RequestContext::ApiGatewayV1(context) => context.path.as_deref(),
        _ => None,
    };
    path.is_some_and(|path| path.ends_with('/'))
}

/// The names of one coding (RFC 9110 §8.4.1.3).
const GZIP: [&str; 2] = ["gzip", "x-gzip"];

/// Whether the client accepts gzip, by name or by `*` (RFC 9110 §12.5.3).
fn accepts_gzip(headers: &HeaderMap) -> bool {
    let values =
        headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value: &HeaderValue| value.to_str().ok());
    let mut wildcard = false;
    for coding in values.flat_map(|value| value.split(',')) {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let weight = weight.trim().to_ascii_lowercase();
        let weight = weight.trim_start_matches("q=").trim_end_matches(['0', '.']);
        let accepted = !weight.is_empty() || !coding.contains(';');
        match name.trim() {
            name if GZIP.iter().any(|gzip| name.eq_ignore_ascii_case(gzip)) => return accepted,
            "*" => wildcard = accepted,
            _ => {}
        }
    }
    wildcard
}

/// The content of a gzip member. Its header has 10 bytes and its trailer 8 (RFC 1952 §2.3).
///
/// On a function with little memory this takes longer than the limiter may wait for Redis, so it runs on a thread of
/// its own.
async fn inflate(member: &'static [u8]) -> Result<Vec<u8>> {
    let deflated = member.get(10..member.len() - 8).unwrap_or_default();
    let inflated = spawn_blocking(|| decompress_to_vec(deflated)).await;
    let inflated = inflated.map_err(|error| Error::Internal(error.to_string()))?;
    inflated.map_err(|error| Error::Internal(error.to_string()))
}

#[cfg(test)]
mod tests {
    use std::task::Poll;

    use super::*;

    #[tokio::test]
    async fn inflating_leaves_the_thread_to_others() {
        let large = crate::docs::PAGE.files.iter().find_map(|asset| match asset.content {
            Content::Gzip(member) if member.len() > 100_000 => Some(member),
            _ => None,
        });
        let mut inflating = std::pin::pin!(inflate(large.unwrap()));
        let first = std::future::poll_fn(|context| Poll::Ready(inflating.as_mut().poll(context))).await;
        assert!(first.is_pending(), "done on this thread");
        assert!(inflating.await.unwrap().len() > 1_000_000);
    }

    #[test]
    fn gzip_goes_to_those_who_take_it() {
        for (accepted, gzip) in [
            ("gzip, deflate, br, zstd", true),
            ("GZIP;q=0.1", true),
            ("X-gzip", true),
            ("*", true),
            ("br;q=1.0, *;q=0.5", true),
            ("*;q=0, gzip", true),
            ("", false),
            ("identity", false),
            ("gzip;q=0", false),
            ("gzip;Q=0", false),
            ("*, gzip; q=0.000", false),
            ("br", false),
        ] {
            let headers = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(accepted))]);
            assert_eq!(accepts_gzip(&headers), gzip, "{accepted:?}");
        }
        assert!(!accepts_gzip(&HeaderMap::new()));
    }
}
