//! A server that answers by itself what API Gateway answers by itself: over TLS and HTTP/2, with request ids, a 404 and
//! a throttle. It shows that the acceptance knows a gateway when it sees one.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{fs, io};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// The id of every request.
pub(super) const REQUEST_ID: &str = "JKJaXmPLvHcESHA=";
/// `OPTIONS` requests that pass; the others are throttled.
const BURST: usize = 5;

/// The server. Dropping it ends it.
pub(super) struct StandInGateway {
    address: SocketAddr,
    server: JoinHandle<()>,
}

impl StandInGateway {
    /// Listens on a free port, and writes the certificate of its authority to `authority`.
    pub(super) async fn start(authority: &Path) -> io::Result<Self> {
        let (pem, tls) = certificate();
        fs::write(authority, pem)?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let admitted = Arc::new(AtomicUsize::new(0));
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (tls, admitted) = (tls.clone(), admitted.clone());
                tokio::spawn(async move {
                    // A client that does not trust the authority ends the handshake.
                    let Ok(stream) = tls.accept(stream).await else { return };
                    let answer = service_fn(move |request| {
                        let response = answer(&request, &admitted);
                        async move { Ok::<_, Infallible>(response) }
                    });
                    let connection = http2::Builder::new(TokioExecutor::new());
                    let _ = connection.serve_connection(TokioIo::new(stream), answer).await;
                });
            }
        });
        Ok(Self { address, server })
    }

    /// The URL of the server, with the name of its certificate.
    pub(super) fn url(&self) -> String {
        format!("https://localhost:{}", self.address.port())
    }
}

impl Drop for StandInGateway {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// The certificate of an authority that nobody knows, and the TLS side of a server of its.
fn certificate() -> (String, TlsAcceptor) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &authority).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    (authority.pem(), Arc::new(config).into())
}

fn answer(request: &Request<Incoming>, admitted: &AtomicUsize) -> Response<Full<Bytes>> {
    let (status, body) = match (request.method(), request.uri().path()) {
        (&Method::OPTIONS, _) if admitted.fetch_add(1, Ordering::Relaxed) < BURST => (204, ""),
        (&Method::OPTIONS, _) => (429, r#"{"message":"Too Many Requests"}"#),
        (_, "/health" | "/health/ready") => (200, "{}"),
        _ => (404, r#"{"message":"Not Found"}"#),
    };
    let response = Response::builder().status(status).header("apigw-requestid", REQUEST_ID);
    response.header("content-type", "application/json").body(body.into()).unwrap()
}
