//! HTTP to the API on this machine, for readiness checks and the end-to-end test.

use std::error::Error;
use std::io;

use http_body_util::{BodyExt as _, Full};
use hyper::{HeaderMap, Request, Response};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as text.
    pub body: String,
}

/// Sends one request on a connection of its own. Has no timeout; may be dropped at any time.
pub async fn send(method: &str, url: &str, body: &str) -> Result<Answer> {
    let request = Request::builder().method(method).uri(url).header("content-type", "application/json");
    let (parts, body) = exchange(request.body(body.as_bytes().to_vec())?).await?.into_parts();
    let body = String::from_utf8_lossy(&body).into_owned();
    Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body })
}

/// Sends a request that somebody else made, and answers bytes: what client libraries ask a transport for.
/// Otherwise like [`send`].
pub async fn exchange(request: Request<Vec<u8>>) -> io::Result<Response<Vec<u8>>> {
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<bytes::Bytes>>();
    let answer = client.request(request.map(|body| Full::new(body.into()))).await;
    let (parts, body) = answer.map_err(io::Error::other)?.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?;
    Ok(Response::from_parts(parts, body.to_bytes().into()))
}
