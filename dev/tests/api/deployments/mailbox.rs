//! A server that plays the S3 bucket in which `CloudFormation` waits for answers.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;

/// What was put into it.
pub(super) struct Mailbox {
    address: String,
    shelf: Arc<Mutex<Shelf>>,
}

#[derive(Default)]
struct Shelf {
    taken: Vec<Value>,
    /// The statuses of the next answers; 200 when there are no more.
    statuses: Vec<u16>,
}

impl Mailbox {
    /// Refuses what comes first with these statuses, the last one first.
    pub(super) async fn open(statuses: &[u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let shelf = Arc::new(Mutex::new(Shelf { statuses: statuses.to_vec(), ..Shelf::default() }));
        let inside = shelf.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shelf = inside.clone();
                let service = service_fn(move |request| put(request, shelf.clone()));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Self { address, shelf }
    }

    /// Where to put something, in the form of S3's signed URLs.
    pub(super) fn url(&self) -> String {
        format!(
            "http://{}/arn%3Aaws%3Acloudformation?X-Amz-Expires=7200&X-Amz-Signature=secret",
            self.address
        )
    }

    /// Everything that was put here, also what was refused.
    pub(super) fn everything(&self) -> Vec<Value> {
        self.shelf.lock().unwrap().taken.clone()
    }

    /// What was put here last.
    pub(super) fn last(&self) -> Value {
        self.everything().pop().expect("an answer")
    }
}

async fn put(
    request: Request<Incoming>,
    shelf: Arc<Mutex<Shelf>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    assert_eq!(request.method(), Method::PUT);
    assert!(request.uri().query().unwrap().ends_with("X-Amz-Signature=secret"));
    // The signature of the real URL covers an absent media type.
    assert!(!request.headers().contains_key("content-type"));
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let mut shelf = shelf.lock().unwrap();
    shelf.taken.push(serde_json::from_slice(&body).unwrap());
    let status = shelf.statuses.pop().unwrap_or(200);
    Ok(Response::builder().status(status).body(Full::default()).unwrap())
}
