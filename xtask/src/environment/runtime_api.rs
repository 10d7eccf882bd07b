//! The runtime API that a function asks for events: as much of it as the runtime library of these functions uses.

use std::{
    collections::HashMap,
    convert::Infallible,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{
    Method, Request, Response, StatusCode, body::Incoming, server::conn::http1, service::service_fn,
};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use shared::testing::Failure;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Mutex as Turn, mpsc, oneshot, watch},
    task::AbortHandle,
    time::timeout,
};
use uuid::Uuid;

use crate::{Result, error::Context};

/// How long a function may take: what an API Gateway waits for.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// What is left to read of a process that has ended is there already.
const DRAIN: Duration = Duration::from_secs(1);

/// A runtime API on a port of its own, for one process. Clones are the same one.
#[derive(Clone)]
pub(super) struct RuntimeApi {
    address: SocketAddr,
    desk: Arc<Desk>,
    _listener: Arc<Listener>,
}

/// Where events wait, and answers are handed in.
struct Desk {
    function: String,
    waiting: mpsc::UnboundedSender<Event>,
    /// Those who ask for the next event take turns.
    next: Turn<mpsc::UnboundedReceiver<Event>>,
    /// Events that are with the function, by request id.
    with_function: Mutex<HashMap<String, oneshot::Sender<Outcome>>>,
    /// How many connections are open.
    connections: watch::Sender<usize>,
}

type Outcome = Result<Value, Failure>;

struct Event {
    body: Bytes,
    answer: oneshot::Sender<Outcome>,
}

struct Listener(AbortHandle);

impl Drop for Listener {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl RuntimeApi {
    /// Listens on a free port, for `function`.
    pub(super) async fn start(function: &str) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("listen on 127.0.0.1")?;
        let address = listener.local_addr().context("listen on 127.0.0.1")?;
        let (waiting, next) = mpsc::unbounded_channel();
        let desk = Arc::new(Desk {
            function: function.to_owned(),
            waiting,
            next: Turn::new(next),
            with_function: Mutex::default(),
            connections: watch::Sender::new(0),
        });
        let listening = tokio::spawn(listen(listener, desk.clone()));
        Ok(Self { address, desk, _listener: Arc::new(Listener(listening.abort_handle())) })
    }

    /// Where the function finds this.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Queues an event and returns what the function makes of it. Waits for ever if the function has ended.
    pub(super) async fn invoke(&self, event: &[u8]) -> Outcome {
        let (answer, answered) = oneshot::channel();
        let event = Event { body: Bytes::copy_from_slice(event), answer };
        // `next` lives as long as the desk, and so as this.
        let _ = self.desk.waiting.send(event);
        match answered.await {
            Ok(outcome) => outcome,
            Err(_) => std::future::pending().await,
        }
    }

    /// Returns when everything is read that a process sent before it ended.
    pub(super) async fn drained(&self) {
        let mut connections = self.desk.connections.subscribe();
        let _ = timeout(DRAIN, connections.wait_for(|open| *open == 0)).await;
    }
}

async fn listen(listener: TcpListener, desk: Arc<Desk>) {
    while let Ok((stream, _)) = listener.accept().await {
        desk.connections.send_modify(|open| *open += 1);
        tokio::spawn(serve(stream, desk.clone()));
    }
}

async fn serve(stream: TcpStream, desk: Arc<Desk>) {
    let service = service_fn(|request| {
        let desk = desk.clone();
        async move { Ok::<_, Infallible>(desk.answer(request).await) }
    });
    // Ends with an error when the process is killed.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
    desk.connections.send_modify(|open| *open -= 1);
}

impl Desk {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let path = request.uri().path().to_owned();
        let segments: Vec<&str> = path.trim_start_matches("/2018-06-01/runtime/").split('/').collect();
        match (request.method(), segments.as_slice()) {
            (&Method::GET, ["invocation", "next"]) => self.hand_out().await,
            (&Method::POST, ["invocation", id, kind @ ("response" | "error")]) => {
                // A body that breaks off is no answer: the process is gone, or will be.
                match request.into_body().collect().await {
                    Ok(body) => self.take(id, kind, &body.to_bytes()),
                    Err(_) => plain(StatusCode::BAD_REQUEST),
                }
            }
            _ => plain(StatusCode::NOT_FOUND),
        }
    }

    async fn hand_out(&self) -> Response<Full<Bytes>> {
        let next = self.next.lock().await.recv().await;
        let Some(event) = next else { return plain(StatusCode::GONE) };
        let id = Uuid::now_v7().to_string();
        if let Ok(mut with_function) = self.with_function.lock() {
            with_function.insert(id.clone(), event.answer);
        }
        let deadline = (SystemTime::now() + TIME_LIMIT).duration_since(UNIX_EPOCH).unwrap_or_default();
        let arn = format!("arn:aws:lambda:eu-central-1:123456789012:function:{}", self.function);
        let mut response = Response::new(Full::new(event.body));
        for (name, value) in [
            ("lambda-runtime-aws-request-id", id),
            ("lambda-runtime-deadline-ms", deadline.as_millis().to_string()),
            ("lambda-runtime-invoked-function-arn", arn),
            ("content-type", "application/json".to_owned()),
        ] {
            if let Ok(value) = value.parse() {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }

    fn take(&self, id: &str, kind: &str, body: &Bytes) -> Response<Full<Bytes>> {
        let answer = self.with_function.lock().ok().and_then(|mut with_function| with_function.remove(id));
        let Some(answer) = answer else { return plain(StatusCode::BAD_REQUEST) };
        let outcome = match kind {
            "response" => serde_json::from_slice(body).map_err(Failure::of),
            _ => Err(serde_json::from_slice(body).unwrap_or_else(Failure::of)),
        };
        // Whoever asked may have given up.
        let _ = answer.send(outcome);
        plain(StatusCode::ACCEPTED)
    }
}

fn plain(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}
