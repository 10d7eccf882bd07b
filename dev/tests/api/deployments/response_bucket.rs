//! A server that plays the S3 bucket in which `CloudFormation` waits for responses.

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

/// A bucket that records the responses put into it.
pub(super) struct ResponseBucket {
    address: String,
    uploads: Arc<Mutex<Uploads>>,
}

#[derive(Default)]
struct Uploads {
    received: Vec<Value>,
    /// The statuses of the next uploads, the next one last; 200 when there are no more.
    statuses: Vec<u16>,
}

impl ResponseBucket {
    /// Starts a bucket that refuses the first uploads with these statuses, beginning with the last one.
    pub(super) async fn start(statuses: &[u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let uploads = Arc::new(Mutex::new(Uploads { statuses: statuses.to_vec(), ..Uploads::default() }));
        let inside = uploads.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let uploads = inside.clone();
                let service = service_fn(move |request| put(request, uploads.clone()));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Self { address, uploads }
    }

    /// The URL for uploads, in the form of S3's signed URLs.
    pub(super) fn url(&self) -> String {
        format!(
            "http://{}/arn%3Aaws%3Acloudformation?X-Amz-Expires=7200&X-Amz-Signature=secret",
            self.address
        )
    }

    /// All uploads in order, those that were refused included.
    pub(super) fn responses(&self) -> Vec<Value> {
        self.uploads.lock().unwrap().received.clone()
    }

    /// The last upload.
    pub(super) fn last(&self) -> Value {
        self.responses().pop().expect("a response")
    }
}

async fn put(
    request: Request<Incoming>,
    uploads: Arc<Mutex<Uploads>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    assert_eq!(request.method(), Method::PUT);
    assert!(request.uri().query().unwrap().ends_with("X-Amz-Signature=secret"));
    // The signature of the real URL is for a request without a media type.
    assert!(!request.headers().contains_key("content-type"));
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let mut uploads = uploads.lock().unwrap();
    uploads.received.push(serde_json::from_slice(&body).unwrap());
    let status = uploads.statuses.pop().unwrap_or(200);
    Ok(Response::builder().status(status).body(Full::default()).unwrap())
}
