//! A runtime API that always has an event: as many requests are in flight as the environments ask for.
//!
//! Any number of environments of one function share it. Each connection has a thread, which answers a request for an
//! event at once and notes when the response arrives. Nothing is handed out before [`Load::begin`], so that all
//! environments have finished their initialisation, nor after [`Load::finish`].

mod requests;

use std::collections::HashMap;
use std::io::BufReader;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use stack::{Context as _, Error, Result};

pub(super) use self::requests::{Kind, Requests};
use crate::http1::{self, Message};
use crate::runtime_api::send_event;

/// The longest time for the initialisation of all environments, and for the last responses.
const TIMEOUT: Duration = Duration::from_mins(2);

/// The time after which a paced load looks again whether it may hand out a request.
const PACE_TICK: Duration = Duration::from_millis(1);

pub(super) struct Load {
    address: SocketAddr,
    state: Arc<State>,
}

/// A request that was answered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answered {
    pub(super) kind: Kind,
    pub(super) at: Instant,
    pub(super) latency: Duration,
}

struct State {
    requests: Requests,
    /// Limits the load to one request for so many of another one.
    pace: Option<(Arc<AtomicUsize>, usize)>,
    /// The number of requests that were handed out.
    handed_out: Arc<AtomicUsize>,
    gate: Mutex<Gate>,
    changed: Condvar,
    in_flight: Mutex<HashMap<usize, (Kind, Instant)>>,
    answered: Mutex<Vec<Answered>>,
    failures: Mutex<Vec<String>>,
}

#[derive(Default)]
struct Gate {
    phase: Phase,
    /// The connections on which a function waits for its first event.
    waiting: usize,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Initialising,
    Running,
    Finished,
}

impl Load {
    /// Listens for environments that ask for these requests.
    pub(super) fn listen(requests: Requests) -> Result<Self> {
        Self::start(requests, None)
    }

    /// The same, but at most one request for so many of `other`.
    pub(super) fn paced(requests: Requests, other: &Self, so_many: usize) -> Result<Self> {
        Self::start(requests, Some((other.state.handed_out.clone(), so_many)))
    }

    fn start(requests: Requests, pace: Option<(Arc<AtomicUsize>, usize)>) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("listen on 127.0.0.1")?;
        let address = listener.local_addr().context("listen on 127.0.0.1")?;
        let state = Arc::new(State {
            requests,
            pace,
            handed_out: Arc::default(),
            gate: Mutex::default(),
            changed: Condvar::new(),
            in_flight: Mutex::default(),
            answered: Mutex::default(),
            failures: Mutex::default(),
        });
        let serving = state.clone();
        thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                if lock(&serving.gate).phase == Phase::Finished {
                    return;
                }
                let serving = serving.clone();
                thread::spawn(move || serving.serve(stream));
            }
        });
        Ok(Self { address, state })
    }

    pub(super) fn address(&self) -> String {
        self.address.to_string()
    }

    /// Waits until so many connections wait for an event.
    pub(super) fn await_idle(&self, connections: usize) -> Result<()> {
        let began = Instant::now();
        let mut gate = lock(&self.state.gate);
        while gate.waiting < connections {
            let waited = self.state.changed.wait_timeout(gate, Duration::from_secs(1));
            gate = waited.unwrap_or_else(PoisonError::into_inner).0;
            if let Some(failure) = self.failures().first() {
                return Err(Error::new(format!("an environment failed: {failure}")));
            }
            if began.elapsed() > TIMEOUT {
                let waiting = gate.waiting;
                return Err(Error::new(format!("only {waiting} of {connections} asked for an event")));
            }
        }
        Ok(())
    }

    /// Begins to hand out requests.
    pub(super) fn begin(&self) {
        self.enter(Phase::Running);
    }

    /// Ends handing out requests, waits for those in flight, and returns all that were answered.
    pub(super) fn finish(&self) -> Vec<Answered> {
        self.enter(Phase::Finished);
        let began = Instant::now();
        while !lock(&self.state.in_flight).is_empty() && began.elapsed() < TIMEOUT {
            thread::sleep(Duration::from_millis(5));
        }
        // The accepting thread sees the phase at the next connection, which this makes.
        let _ = TcpStream::connect(self.address);
        std::mem::take(&mut lock(&self.state.answered))
    }

    /// The bodies of responses with another status than the expected one, and reported errors.
    pub(super) fn failures(&self) -> Vec<String> {
        lock(&self.state.failures).clone()
    }

    fn enter(&self, phase: Phase) {
        lock(&self.state.gate).phase = phase;
        self.state.changed.notify_all();
    }
}

impl State {
    /// Reads the calls on one connection until the function closes it.
    fn serve(&self, stream: TcpStream) {
        let Ok(answers) = stream.try_clone() else { return };
        let _ = stream.set_nodelay(true);
        let mut stream = BufReader::new(stream);
        while let Ok(Some(message)) = http1::read(&mut stream) {
            let at = Instant::now();
            let mut path = message.start.split(' ').nth(1).unwrap_or_default().rsplit('/');
            let (call, id) = (path.next(), path.next());
            let written = if call == Some("next") {
                self.hand_out(&answers)
            } else {
                self.note(at, call == Some("response"), id, &message);
                http1::write(&answers, "HTTP/1.1 202 Accepted", &[], b"")
            };
            if written.is_err() {
                return;
            }
        }
    }

    /// Waits until there is a request, and hands it out. After the end there is none, and no answer.
    fn hand_out(&self, stream: &TcpStream) -> std::io::Result<()> {
        if !self.await_turn() {
            return Ok(());
        }
        let id = self.handed_out.fetch_add(1, SeqCst);
        let request = self.requests.take(id);
        lock(&self.in_flight).insert(id, (request.kind, Instant::now()));
        send_event(stream, &id.to_string(), &request.event)
    }

    /// Returns false when the load has finished.
    fn await_turn(&self) -> bool {
        let mut gate = lock(&self.gate);
        gate.waiting += 1;
        self.changed.notify_all();
        while gate.phase == Phase::Initialising {
            gate = self.changed.wait(gate).unwrap_or_else(PoisonError::into_inner);
        }
        while gate.phase == Phase::Running {
            let is_ahead = |(other, so_many): &(Arc<AtomicUsize>, usize)| {
                self.handed_out.load(SeqCst) * so_many >= other.load(SeqCst)
            };
            if !self.pace.as_ref().is_some_and(is_ahead) {
                return true;
            }
            drop(gate);
            thread::sleep(PACE_TICK);
            gate = lock(&self.gate);
        }
        false
    }

    /// Notes a response or an error.
    fn note(&self, at: Instant, is_response: bool, id: Option<&str>, message: &Message) {
        let id = id.and_then(|id| id.parse().ok());
        let Some((kind, began)) = id.and_then(|id: usize| lock(&self.in_flight).remove(&id)) else {
            // An error at the start belongs to no request.
            lock(&self.failures).push(String::from_utf8_lossy(&message.body).into_owned());
            return;
        };
        if is_response && status(&message.body) == Some(kind.status()) {
            lock(&self.answered).push(Answered { kind, at, latency: at - began });
            self.requests.learn(kind, &message.body);
        } else {
            lock(&self.failures).push(String::from_utf8_lossy(&message.body).into_owned());
        }
    }
}

/// Reads the status of a response without parsing all of it, because that takes the processor from the functions.
fn status(response: &[u8]) -> Option<u16> {
    const NAME: &[u8] = br#""statusCode":"#;
    let at = response.windows(NAME.len()).position(|window| window == NAME)?;
    let digits = response[at + NAME.len()..].trim_ascii_start().get(..3)?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Acts as a function: answers events until the load has finished.
    fn answer(address: &str) -> usize {
        let stream = TcpStream::connect(address).unwrap();
        let timeout = Some(Duration::from_millis(300));
        stream.set_read_timeout(timeout).unwrap();
        let mut answers = BufReader::new(stream.try_clone().unwrap());
        let mut count = 0;
        loop {
            http1::write(&stream, "GET /2018-06-01/runtime/invocation/next HTTP/1.1", &[], b"").unwrap();
            if http1::read(&mut answers).is_err() {
                return count;
            }
            let start = format!("POST /2018-06-01/runtime/invocation/{count}/response HTTP/1.1");
            http1::write(&stream, &start, &[], br#"{"statusCode": 200}"#).unwrap();
            http1::read(&mut answers).unwrap().unwrap();
            count += 1;
        }
    }

    #[test]
    fn requests_are_handed_out_from_the_beginning_to_the_end() {
        let load = Load::listen(Requests::of_one(Kind::CachedList, "event")).unwrap();
        let address = load.address();
        let function = thread::spawn(move || answer(&address));
        load.await_idle(1).unwrap();
        assert!(lock(&load.state.in_flight).is_empty());
        load.begin();
        thread::sleep(Duration::from_millis(50));
        let answered = load.finish();
        assert!(answered.len() > 3 && load.failures().is_empty());
        assert_eq!(function.join().unwrap(), answered.len());
    }

    #[test]
    fn the_status_is_read_with_and_without_a_space() {
        assert_eq!(status(br#"{"statusCode":201,"body":""}"#), Some(201));
        assert_eq!(status(br#"{"isBase64Encoded": false, "statusCode": 404}"#), Some(404));
        assert_eq!(status(b"{}"), None);
    }
}
