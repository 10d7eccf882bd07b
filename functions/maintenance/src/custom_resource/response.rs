//! The response to `CloudFormation`: a JSON document that is put under a presigned URL of Amazon S3.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use serde::Serialize;
use serde_json::Value;
use shared::stores::tls;
use tokio::time::{sleep, timeout};

use crate::Error;

/// The most characters of a reason: a response may have 4096 bytes.
pub(super) const LONGEST_REASON: usize = 1000;

/// The longest that one attempt may take.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);
/// The pause before the second attempt; each later one is twice as long as the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// The result of the task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Status {
    Success,
    Failed,
}

/// The response that `CloudFormation` got.
#[derive(Debug, Serialize)]
pub struct CustomResourceReport {
    pub(super) status: Status,
    pub(super) reason: Option<String>,
}

/// See "Custom resource response objects" in the user guide of `CloudFormation`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Response<'a> {
    pub(super) status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
    pub(super) physical_resource_id: &'a str,
    pub(super) stack_id: &'a str,
    pub(super) request_id: &'a str,
    pub(super) logical_resource_id: &'a str,
    pub(super) data: Value,
}

impl Response<'_> {
    /// Sends the response to `url`, and again until it is accepted or refused, for `time_limit` at the longest.
    pub(super) async fn send(&self, url: &str, time_limit: Duration) -> Result<(), Error> {
        let uri =
            uri(url).ok_or(Error::ResponseUndelivered("its URL is none that an answer may be sent to"))?;
        let body = serde_json::to_vec(self).map(Bytes::from);
        let body = body.map_err(|_| Error::ResponseUndelivered("there is no answer"))?;
        let sending = timeout(time_limit, send_until_final(&uri, &body)).await;
        sending.unwrap_or(Err(Error::ResponseUndelivered("nobody took the answer in time")))
    }
}

/// Sends `body` until a status says that it was accepted, or that it would be refused again.
async fn send_until_final(uri: &Uri, body: &Bytes) -> Result<(), Error> {
    let client = client();
    let mut pause = FIRST_PAUSE;
    loop {
        match timeout(ATTEMPT_TIMEOUT, put(&client, uri, body.clone())).await {
            Ok(Ok(status)) if status < 300 => return Ok(()),
            Ok(Ok(status)) if status < 500 => {
                return Err(Error::ResponseUndelivered("the answer was refused"));
            }
            Ok(Ok(status)) => tracing::warn!(status, "a response to CloudFormation was not accepted"),
            // An error of the client's names the host at most.
            Ok(Err(error)) => tracing::warn!(%error, "a response to CloudFormation was not accepted"),
            Err(_) => tracing::warn!("a response to CloudFormation was not accepted in time"),
        }
        sleep(pause).await;
        pause *= 2;
    }
}

/// The URL, if a response may be sent to it: `https`, or a server on this machine, as in tests.
fn uri(url: &str) -> Option<Uri> {
    let uri: Uri = url.parse().ok()?;
    let permitted = match uri.scheme_str()? {
        "https" => uri.host().is_some(),
        "http" => ["127.0.0.1", "localhost", "[::1]"].contains(&uri.host()?),
        _ => false,
    };
    permitted.then_some(uri)
}

fn client() -> Client<HttpsConnector<HttpConnector>, Full<Bytes>> {
    let tls = HttpsConnectorBuilder::new().with_tls_config(tls::config_for_aws());
    Client::builder(TokioExecutor::new()).build(tls.https_or_http().enable_http1().build())
}

/// The status that the server answers. No media type is sent: the signature in the URL is for a request without one.
async fn put(
    client: &Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    uri: &Uri,
    body: Bytes,
) -> Result<u16, Box<dyn std::error::Error + Send + Sync>> {
    let request = Request::put(uri).body(Full::new(body))?;
    Ok(client.request(request).await?.status().as_u16())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_go_to_https_or_stay_on_this_machine() {
        for (url, goes) in [
            (
                "https://cloudformation-custom-resource-response-euc1.s3.amazonaws.com/a%3Ab?X-Amz-Expires=7200",
                true,
            ),
            ("http://127.0.0.1:4711/answer", true),
            ("http://[::1]:4711/answer", true),
            ("http://bucket.s3.amazonaws.com/a", false),
            ("http://127.0.0.1.example/", false),
            ("ftp://127.0.0.1/", false),
            ("file:///etc/passwd", false),
            ("//127.0.0.1/", false),
            ("/answer", false),
            ("https://", false),
            ("", false),
            ("nonsense \u{0}", false),
        ] {
            assert_eq!(uri(url).is_some(), goes, "{url}");
        }
    }
}
