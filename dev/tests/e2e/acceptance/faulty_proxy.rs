//! A proxy that makes two mistakes: it drops the header `X-Content-Type-Options`, and it answers a list that it has
//! seen with what it was then.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_LENGTH, HOST, IF_NONE_MATCH, TRANSFER_ENCODING};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use stack::http::exchange;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The proxy. Dropping it ends it.
pub(crate) struct FaultyProxy {
    address: SocketAddr,
    server: JoinHandle<()>,
}

/// The paths of lists.
const LISTS: &[&str] = &[
    // part of books
    "/books",
    // end of part
];

/// The lists that were seen, by path and query.
type Lists = Arc<Mutex<HashMap<String, Response<Vec<u8>>>>>;

impl FaultyProxy {
    /// Listens on a free port, in front of the API at `api`.
    pub(crate) async fn start(api: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (api, lists) = (api.to_owned(), Lists::default());
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (api, lists) = (api.clone(), lists.clone());
                let service = service_fn(move |request| {
                    let (api, lists) = (api.clone(), lists.clone());
                    async move { Ok::<_, Infallible>(pass(&api, &lists, request).await) }
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Self { address, server }
    }

    /// The URL of the proxy, without a slash at the end.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for FaultyProxy {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn pass(api: &str, lists: &Lists, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let (mut parts, body) = request.into_parts();
    let target = parts.uri.path_and_query().unwrap().as_str().to_owned();
    let is_list = parts.method == Method::GET
        && LISTS.contains(&parts.uri.path())
        && !parts.headers.contains_key(IF_NONE_MATCH);
    let seen = lists.lock().unwrap().get(&target).filter(|_| is_list).cloned();
    let response = if let Some(response) = seen {
        response
    } else {
        parts.headers.remove(HOST);
        parts.uri = format!("{api}{target}").parse().unwrap();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        exchange(Request::from_parts(parts, body)).await.unwrap()
    };
    if is_list && response.status() == StatusCode::OK {
        lists.lock().unwrap().insert(target, response.clone());
    }
    let (mut parts, body) = response.into_parts();
    for name in ["x-content-type-options", CONTENT_LENGTH.as_str(), TRANSFER_ENCODING.as_str()] {
        parts.headers.remove(name);
    }
    Response::from_parts(parts, Full::new(body.into()))
}
