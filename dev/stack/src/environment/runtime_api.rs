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
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Mutex as AsyncMutex, mpsc, oneshot, watch},
    task::AbortHandle,
    time::timeout,
};
use uuid::Uuid;

use super::failure::Failure;
use crate::{Result, error::Context};

/// How long a function may take: what an API Gateway waits for.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// What is left to read of a process that has ended is there already.
const DRAIN: Duration = Duration::from_secs(1);

/// A runtime API on a port of its own, for one process. Clones are the same one.
#[derive(Clone)]
pub(super) struct RuntimeApi {
    address: SocketAddr,
    queue: Arc<Queue>,
    _listener: Arc<Listener>,
}

/// The queue of invocations: events that wait, and those that the function works on.
struct Queue {
    function: String,
    waiting: mpsc::UnboundedSender<Event>,
    /// One request for the next event waits at a time; the others queue for the lock.
    next: AsyncMutex<mpsc::UnboundedReceiver<Event>>,
    /// Events that the function works on, by request id.
    in_flight: Mutex<HashMap<String, oneshot::Sender<Outcome>>>,
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
        let queue = Arc::new(Queue {
            function: function.to_owned(),
            waiting,
            next: AsyncMutex::new(next),
            in_flight: Mutex::default(),
            connections: watch::Sender::new(0),
        });
        let listening = tokio::spawn(listen(listener, queue.clone()));
        Ok(Self { address, queue, _listener: Arc::new(Listener(listening.abort_handle())) })
    }

    /// Where the function finds this.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Queues an event and returns what the function makes of it. Waits for ever if the function has ended.
    pub(super) async fn invoke(&self, event: &[u8]) -> Outcome {
        let (answer, answered) = oneshot::channel();
        let event = Event { body: Bytes::copy_from_slice(event), answer };
        // `next` lives as long as the queue, and so as this.
        let _ = self.queue.waiting.send(event);
        match answered.await {
            Ok(outcome) => outcome,
            Err(_) => std::future::pending().await,
        }
    }

    /// Returns when everything is read that a process sent before it ended.
    pub(super) async fn drained(&self) {
        let mut connections = self.queue.connections.subscribe();
        let _ = timeout(DRAIN, connections.wait_for(|open| *open == 0)).await;
    }
}

async fn listen(listener: TcpListener, queue: Arc<Queue>) {
    while let Ok((stream, _)) = listener.accept().await {
        queue.connections.send_modify(|open| *open += 1);
        tokio::spawn(serve(stream, queue.clone()));
    }
}

async fn serve(stream: TcpStream, queue: Arc<Queue>) {
    let service = service_fn(|request| {
        let queue = queue.clone();
        async move { Ok::<_, Infallible>(queue.answer(request).await) }
    });
    // Ends with an error when the process is killed.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
    queue.connections.send_modify(|open| *open -= 1);
}

impl Queue {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let path = request.uri().path().to_owned();
        let segments: Vec<&str> = path.trim_start_matches("/2018-06-01/runtime/").split('/').collect();
        match (request.method(), segments.as_slice()) {
            (&Method::GET, ["invocation", "next"]) => self.next_invocation().await,
            (&Method::POST, ["invocation", id, kind @ ("response" | "error")]) => {
                // A body that breaks off is no answer: the process is gone, or will be.
                match request.into_body().collect().await {
                    Ok(body) => self.complete(id, kind, &body.to_bytes()),
                    Err(_) => plain(StatusCode::BAD_REQUEST),
                }
            }
            _ => plain(StatusCode::NOT_FOUND),
        }
    }

    async fn next_invocation(&self) -> Response<Full<Bytes>> {
        let next = self.next.lock().await.recv().await;
        let Some(event) = next else { return plain(StatusCode::GONE) };
        let id = Uuid::now_v7().to_string();
        if let Ok(mut in_flight) = self.in_flight.lock() {
            in_flight.insert(id.clone(), event.answer);
        }
        let deadline = (SystemTime::now() + TIME_LIMIT).duration_since(UNIX_EPOCH).unwrap_or_default();
        let arn = format!("arn:aws:lambda:eu-central-1:123456789012:function:{}", self.function);
        let trace_id = trace_id(&event.body).map(|id| ("lambda-runtime-trace-id", id));
        let mut response = Response::new(Full::new(event.body));
        let headers = [
            ("lambda-runtime-aws-request-id", id),
            ("lambda-runtime-deadline-ms", deadline.as_millis().to_string()),
            ("lambda-runtime-invoked-function-arn", arn),
            ("content-type", "application/json".to_owned()),
        ];
        for (name, value) in headers.into_iter().chain(trace_id) {
            if let Ok(value) = value.parse() {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }

    fn complete(&self, id: &str, kind: &str, body: &Bytes) -> Response<Full<Bytes>> {
        let answer = self.in_flight.lock().ok().and_then(|mut in_flight| in_flight.remove(id));
        let Some(answer) = answer else { return plain(StatusCode::BAD_REQUEST) };
        let outcome = match kind {
            "response" => serde_json::from_slice(body).map_err(Failure::here),
            _ => Err(serde_json::from_slice(body).unwrap_or_else(Failure::here)),
        };
        // Whoever asked may have given up.
        let _ = answer.send(outcome);
        plain(StatusCode::ACCEPTED)
    }
}

/// The tracing header that the client of an HTTP API sent. Lambda passes it on, and makes one up where there is none.
fn trace_id(event: &[u8]) -> Option<String> {
    let event: Value = serde_json::from_slice(event).ok()?;
    event["headers"]["x-amzn-trace-id"].as_str().map(str::to_owned)
}

fn plain(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}
