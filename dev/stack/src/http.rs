//! HTTP requests to servers on this machine.

use std::error::Error;
use std::io;

use http_body_util::{BodyExt as _, Full};
use hyper::{HeaderMap, Request};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// A response, read to its end.
#[derive(Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as text.
    pub body: String,
}

/// Sends one request on a connection of its own. Has no timeout; may be dropped at any time.
pub async fn send(method: &str, url: &str, body: &str) -> Result<Response> {
    send_with(method, url, &[("content-type", "application/json")], body).await
}

/// Sends one request with these headers. Otherwise like [`send`].
pub async fn send_with(method: &str, url: &str, headers: &[(&str, &str)], body: &str) -> Result<Response> {
    let request = Request::builder().method(method).uri(url);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let (parts, body) = exchange(request.body(body.as_bytes().to_vec())?).await?.into_parts();
    let body = String::from_utf8_lossy(&body).into_owned();
    Ok(Response { status: parts.status.as_u16(), headers: parts.headers, body })
}

/// Sends a request in the form in which client libraries hand it to a transport, and returns bytes. Otherwise like
/// [`send`].
pub async fn exchange(request: Request<Vec<u8>>) -> io::Result<hyper::Response<Vec<u8>>> {
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<bytes::Bytes>>();
    let response = client.request(request.map(|body| Full::new(body.into()))).await;
    let (parts, body) = response.map_err(io::Error::other)?.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?;
    Ok(hyper::Response::from_parts(parts, body.to_bytes().into()))
}
