//! An HTTP server that passes requests to functions in this process.
//!
//! `cargo lambda watch` answers a body that is not UTF-8 with a 500 of its own. This server turns it into base64, as
//! API Gateway does, so that a client may send any bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_LENGTH, HeaderMap, HeaderName};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use shared::config::Env;
use stack::environment::variables_of;
use testkit::Client;
use testkit::functions::FUNCTIONS;
use testkit::gateway_events::http_api_event;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Where the requests come from, as the gateway would see it.
#[derive(Clone, Copy)]
pub(crate) enum Source {
    /// Each from another network, so that no quota and no lock of an address stops the client.
    NewNetworks,
    // part of rl-demo, bf-demo
    /// All from this address.
    Address(&'static str),
    // end of part
}

/// All functions that serve HTTP, behind one address. Dropping it ends the server.
pub(crate) struct InProcessApi {
    address: SocketAddr,
    server: JoinHandle<()>,
}

/// The functions, and the path templates of each as its own `OpenAPI` description has them.
#[derive(Clone)]
struct Functions {
    routes: Vec<(String, &'static str)>,
    clients: BTreeMap<&'static str, Client>,
}

impl InProcessApi {
    /// Starts every function with `variables` and listens on a free port.
    pub(crate) async fn start(variables: &BTreeMap<String, String>, source: Source) -> Self {
        let functions = Functions::start(variables);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let functions = functions.clone();
                let service = service_fn(move |request| {
                    let functions = functions.clone();
                    async move { Ok::<_, Infallible>(functions.handle(request, source).await) }
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Self { address, server }
    }

    /// The URL of the server, without a slash at the end.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for InProcessApi {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Functions {
    fn start(variables: &BTreeMap<String, String>) -> Self {
        let mut functions = Self { routes: Vec::new(), clients: BTreeMap::new() };
        for function in FUNCTIONS.iter().filter(|function| function.purpose.is_some()) {
            let name = function.name;
            let env = Env::of(variables_of(name, variables).unwrap());
            let paths = function.operations(&env).unwrap().paths.paths.into_keys();
            functions.routes.extend(paths.map(|path| (path, name)));
            functions.clients.insert(name, Client::of(function.start(&env).unwrap()));
        }
        functions
    }

    /// The function that serves `path`. As in the local router, an unknown path goes to `system`.
    fn client(&self, path: &str) -> &Client {
        let matches = |template: &str| {
            let (template, path) = (template.split('/'), path.split('/'));
            template.clone().count() == path.clone().count()
                && template
                    .zip(path)
                    .all(|(expected, segment)| expected.starts_with('{') || expected == segment)
        };
        let exact = self.routes.iter().find(|(template, _)| template == path);
        let name = exact.or_else(|| self.routes.iter().find(|(template, _)| matches(template)));
        &self.clients[name.map_or("system", |(_, name)| name)]
    }

    async fn handle(&self, request: Request<Incoming>, source: Source) -> Response<Full<Bytes>> {
        let (parts, body) = request.into_parts();
        let path = percent_decode_str(parts.uri.path()).decode_utf8_lossy().into_owned();
        let body = body.collect().await.unwrap().to_bytes();
        let mut event = event(parts.method.as_str(), &path, parts.uri.query(), &parts.headers, &body);
        event["requestContext"]["http"]["sourceIp"] = source.address().into();
        let answer = self.client(&path).send_event(&event.to_string()).await.unwrap();
        response(&answer.raw)
    }
}

impl Source {
    fn address(self) -> String {
        match self {
            Self::NewNetworks => {
                let network = uuid::Uuid::new_v4().as_fields().0;
                format!("2001:db8:{:x}:{:x}::1", network >> 16, network & 0xffff)
            }
            // part of rl-demo, bf-demo
            Self::Address(address) => address.to_owned(),
            // end of part
        }
    }
}

/// An event of an HTTP API (payload format 2.0).
fn event(method: &str, path: &str, query: Option<&str>, headers: &HeaderMap, body: &[u8]) -> Value {
    let names: BTreeSet<_> = headers.keys().map(HeaderName::as_str).collect();
    let joined = |name: &str| {
        let values =
            headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        values.collect::<Vec<_>>().join(",")
    };
    let headers: BTreeMap<_, _> = names.into_iter().map(|name| (name, joined(name))).collect();
    let (body, is_base64_encoded) = match std::str::from_utf8(body) {
        Ok(text) => (text.to_owned(), false),
        Err(_) => (STANDARD.encode(body), true),
    };
    let mut event = http_api_event(method, path, query.unwrap_or_default());
    event["headers"] = json!(headers);
    event["body"] = body.into();
    event["isBase64Encoded"] = is_base64_encoded.into();
    event
}

fn response(answer: &Value) -> Response<Full<Bytes>> {
    let status = u16::try_from(answer["statusCode"].as_u64().unwrap()).unwrap();
    let mut response = Response::builder().status(status);
    for (name, value) in answer["headers"].as_object().unwrap() {
        if name.as_str() != CONTENT_LENGTH.as_str() {
            response = response.header(name, value.as_str().unwrap());
        }
    }
    let body = answer["body"].as_str().unwrap_or_default();
    let body = if answer["isBase64Encoded"] == true {
        STANDARD.decode(body).unwrap()
    } else {
        body.as_bytes().to_vec()
    };
    response.body(Full::new(body.into())).unwrap()
}
