//! A Lambda runtime API that is made for timing: blocking sockets, one thread for each connection, and clocks that are
//! read next to the system calls.
//!
//! A function asks it for events (`next`) and posts its responses and errors. The threads parse these calls and send
//! them to the measuring thread through a channel. A `next` is not answered until there is an event to hand over.

use std::io::{self, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use stack::{Context as _, Error, Result};

use crate::event::Request;
use crate::http1;

/// The longest time for an invocation, the start of the function included.
const INVOCATION_TIMEOUT: Duration = Duration::from_mins(1);

/// A runtime API on a port of its own, for one function. Dropping it closes the port.
pub(super) struct RuntimeApi {
    address: SocketAddr,
    calls: mpsc::Receiver<Call>,
    /// The connection on which the function waits for an event, and the time since when.
    waiting: Option<(Instant, TcpStream)>,
    closed: Arc<AtomicBool>,
}

/// A call of the function to the runtime API.
enum Call {
    /// It asks for an event, since this time and on this connection.
    Next(Instant, TcpStream),
    /// It responds to an event. The response was read completely at this time.
    Response(Instant, Vec<u8>),
    /// It reports an error at an event, or at its start.
    Error(Vec<u8>),
}

/// An event that was answered.
pub(super) struct Exchange {
    /// The time before the first byte of the event was sent.
    pub(super) started: Instant,
    /// The time after the last byte of the response was received.
    pub(super) answered: Instant,
    /// The body of the response.
    pub(super) body: Vec<u8>,
}

impl RuntimeApi {
    pub(super) fn listen() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("listen on 127.0.0.1")?;
        let address = listener.local_addr().context("listen on 127.0.0.1")?;
        let (sender, calls) = mpsc::channel();
        let closed = Arc::<AtomicBool>::default();
        let is_closed = closed.clone();
        thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                if is_closed.load(SeqCst) {
                    return;
                }
                let sender = sender.clone();
                thread::spawn(move || serve(stream, &sender));
            }
        });
        Ok(Self { address, calls, waiting: None, closed })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until the function asks for an event. Returns the time at which it did.
    pub(super) fn await_idle(&mut self) -> Result<Instant> {
        loop {
            if let Some((since, _)) = self.waiting {
                return Ok(since);
            }
            match self.receive()? {
                Call::Next(at, stream) => self.waiting = Some((at, stream)),
                Call::Error(body) => return Err(failed(&body)),
                Call::Response(..) => {}
            }
        }
    }

    /// Hands `event` to the function, which must be idle, and waits for the response.
    pub(super) fn exchange(&mut self, event: &str) -> Result<Exchange> {
        let Some((_, stream)) = self.waiting.take() else {
            return Err(Error::new("the function does not wait for an event"));
        };
        let started = Instant::now();
        send_event(&stream, "8476a536-e9f4-11e8-9739-2dfe598c3fcd", event).context("send an event")?;
        loop {
            match self.receive()? {
                Call::Response(answered, body) => return Ok(Exchange { started, answered, body }),
                Call::Next(at, stream) => self.waiting = Some((at, stream)),
                Call::Error(body) => return Err(failed(&body)),
            }
        }
    }

    fn receive(&self) -> Result<Call> {
        let call = self.calls.recv_timeout(INVOCATION_TIMEOUT);
        call.map_err(|_| Error::new("it neither answered nor asked for an event in time"))
    }
}

/// Answers a request for an event. The response to it will name `id`.
pub(super) fn send_event(stream: &TcpStream, id: &str, event: &str) -> io::Result<()> {
    let deadline = SystemTime::now() + INVOCATION_TIMEOUT;
    let deadline = deadline.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis().to_string();
    let headers = [
        ("content-type", "application/json"),
        ("lambda-runtime-aws-request-id", id),
        ("lambda-runtime-deadline-ms", &deadline),
        ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:eu-central-1:123456789012:function:bench"),
        ("lambda-runtime-trace-id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700"),
    ];
    http1::write(stream, "HTTP/1.1 200 OK", &headers, event.as_bytes())
}

fn failed(body: &[u8]) -> Error {
    Error::new(format!("it failed: {}", String::from_utf8_lossy(body)))
}

impl Drop for RuntimeApi {
    /// The thread that accepts connections sees `closed` at the next connection, which this makes.
    fn drop(&mut self) {
        self.closed.store(true, SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

/// Reads the calls on one connection until either side closes it.
fn serve(stream: TcpStream, calls: &mpsc::Sender<Call>) {
    let Ok(answers) = stream.try_clone() else { return };
    let _ = stream.set_nodelay(true);
    let mut stream = BufReader::new(stream);
    while let Ok(Some(message)) = http1::read(&mut stream) {
        let at = Instant::now();
        let call = match message.start.split(' ').nth(1).and_then(|path| path.rsplit('/').next()) {
            Some("next") => answers.try_clone().map(|stream| Call::Next(at, stream)),
            Some("response") => Ok(Call::Response(at, message.body)),
            _ => Ok(Call::Error(message.body)),
        };
        let Ok(call) = call else { return };
        let is_next = matches!(call, Call::Next(..));
        if !is_next && http1::write(&answers, "HTTP/1.1 202 Accepted", &[], b"").is_err() {
            return;
        }
        if calls.send(call).is_err() {
            return;
        }
    }
}

/// Measures the overhead of the measurement itself: a "function" in a thread of this process, which answers at once.
pub(super) fn echo() -> Result<impl FnMut() -> Result<Duration>> {
    let api = RuntimeApi::listen()?;
    let address = api.address;
    thread::spawn(move || {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        let mut answers = BufReader::new(stream.try_clone()?);
        loop {
            http1::write(&stream, "GET /2018-06-01/runtime/invocation/next HTTP/1.1", &[], b"")?;
            http1::read(&mut answers)?;
            let start = "POST /2018-06-01/runtime/invocation/1/response HTTP/1.1";
            http1::write(&stream, start, &[], br#"{"statusCode":200}"#)?;
            if http1::read(&mut answers)?.is_none() {
                return Ok::<_, std::io::Error>(());
            }
        }
    });
    let event = Request::get("/").event();
    Ok(move || {
        let ended = || Error::new("the echo has ended");
        let Call::Next(_, stream) = api.calls.recv().map_err(|_| ended())? else { return Err(ended()) };
        let started = Instant::now();
        http1::write(&stream, "HTTP/1.1 200 OK", &[], event.as_bytes()).context("send an event")?;
        match api.calls.recv().map_err(|_| ended())? {
            Call::Response(answered, _) => Ok(answered - started),
            _ => Err(ended()),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Acts as a function: answers one event, and reports an error at the next.
    fn answer_and_fail(address: SocketAddr) {
        let stream = TcpStream::connect(address).unwrap();
        let mut answers = BufReader::new(stream.try_clone().unwrap());
        for result in ["response", "error"] {
            http1::write(&stream, "GET /2018-06-01/runtime/invocation/next HTTP/1.1", &[], b"").unwrap();
            let event = http1::read(&mut answers).unwrap().unwrap();
            let start = format!("POST /2018-06-01/runtime/invocation/1/{result} HTTP/1.1");
            http1::write(&stream, &start, &[], &event.body).unwrap();
            http1::read(&mut answers).unwrap().unwrap();
        }
    }

    #[test]
    fn an_event_is_handed_over_and_its_response_or_error_returned() {
        let mut api = RuntimeApi::listen().unwrap();
        let address = api.address();
        let function = thread::spawn(move || answer_and_fail(address));
        api.await_idle().unwrap();
        let exchange = api.exchange("one").unwrap();
        assert_eq!(exchange.body, b"one");
        assert!(exchange.started < exchange.answered);
        api.await_idle().unwrap();
        let error = api.exchange("two").err().unwrap();
        assert_eq!(error.to_string(), "it failed: two");
        function.join().unwrap();
    }

    #[test]
    fn the_echo_answers_each_time() {
        let mut echo = echo().unwrap();
        for _ in 0..3 {
            assert!(echo().unwrap() > Duration::ZERO);
        }
    }
}
