//! One connection through a proxy: bytes wait in a queue for each direction until the faults let them pass.

use std::collections::VecDeque;
use std::io::Result;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::faults::Faults;
use super::scripts::DigestFilter;
use super::state::State;
use super::trips::ConnectionTrips;

/// Accepts connections and forwards each to the store until it is closed.
pub(super) async fn accept(listener: TcpListener, store: SocketAddr, state: Arc<State>) {
    while let Ok((client, _)) = listener.accept().await {
        let number = state.opened.fetch_add(1, SeqCst) + 1;
        let mut faults = state.faults.subscribe();
        let state = state.clone();
        tokio::spawn(async move {
            let mut connection = Connection::new(number, state);
            tokio::select! {
                biased;
                _ = faults.wait_for(|faults| faults.close(number)) => {}
                // Returns an error when either side closes its connection abruptly.
                _ = connection.forward(client, store) => {}
            }
        });
    }
}

struct Connection {
    /// The position in the order in which connections were opened, from one.
    number: usize,
    /// No answer is delivered before.
    signed_in: Instant,
    state: Arc<State>,
    faults: watch::Receiver<Faults>,
    trips: ConnectionTrips,
    scripts: DigestFilter,
    /// The bytes that did not reach the store yet.
    requests: Vec<u8>,
    /// The answers that did not reach the client yet.
    answers: VecDeque<Answer>,
    client_is_gone: bool,
    store_is_gone: bool,
}

struct Answer {
    bytes: Vec<u8>,
    /// The time from which on it may be delivered.
    due: Instant,
    /// How many round trips it ends: see [`super::trips`].
    depth: usize,
}

impl Connection {
    fn new(number: usize, state: Arc<State>) -> Self {
        state.open.fetch_add(1, SeqCst);
        let faults = state.faults.subscribe();
        let signed_in = Instant::now() + faults.borrow().sign_in_delay;
        Self {
            number,
            signed_in,
            faults,
            trips: state.counter.connection(),
            scripts: DigestFilter::default(),
            requests: Vec::new(),
            answers: VecDeque::new(),
            client_is_gone: false,
            store_is_gone: false,
            state,
        }
    }

    /// Forwards bytes until either side has closed its connection, and the other one has got all that was sent before.
    async fn forward(&mut self, mut client: TcpStream, store: SocketAddr) -> Result<()> {
        let mut store = TcpStream::connect(store).await?;
        for stream in [&client, &store] {
            stream.set_nodelay(true)?;
        }
        let (mut up, mut down) = (vec![0; 65_536], vec![0; 65_536]);
        loop {
            let faults = *self.faults.borrow_and_update();
            let due = self.pass(&faults, &mut client, &mut store).await?;
            if self.is_over(&faults) {
                return Ok(());
            }
            tokio::select! {
                read = client.read(&mut up), if !self.client_is_gone => {
                    // A client that resets its connection also throws away what it has not transmitted yet.
                    let count = read.inspect_err(|_| self.requests.clear()).unwrap_or_default();
                    self.sent(&mut up[..count], &faults);
                }
                read = store.read(&mut down), if !self.store_is_gone => {
                    self.answered(&down[..read?], &faults);
                }
                _ = self.faults.changed() => {}
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
            }
        }
    }

    /// Passes on what may pass. Returns the time at which the next answer may.
    async fn pass(
        &mut self,
        faults: &Faults,
        client: &mut TcpStream,
        store: &mut TcpStream,
    ) -> Result<Option<Instant>> {
        if faults.forget(self.number) {
            self.requests.clear();
            self.drop_answers();
            self.trips.answered();
            return Ok(None);
        }
        if faults.pass_requests() && !self.requests.is_empty() {
            store.write_all(&std::mem::take(&mut self.requests)).await?;
        }
        while faults.pass_answers()
            && let Some(answer) = self.answers.pop_front_if(|answer| answer.due <= Instant::now())
        {
            // Counted first, because the client may continue as soon as it has its answer.
            self.state.held_back.fetch_sub(answer.bytes.len(), SeqCst);
            self.trips.delivered(answer.depth);
            client.write_all(&answer.bytes).await?;
        }
        let next = self.answers.front().filter(|_| faults.pass_answers());
        Ok(next.map(|answer| answer.due))
    }

    /// Whether nothing more can pass. A side learns of the other one's end when that may pass.
    fn is_over(&self, faults: &Faults) -> bool {
        if faults.forget(self.number) {
            return self.client_is_gone && self.store_is_gone;
        }
        self.client_is_gone && faults.pass_requests()
            || self.store_is_gone && faults.pass_answers() && self.answers.is_empty()
    }

    /// Takes what the client has sent; nothing means that it has closed its connection.
    fn sent(&mut self, bytes: &mut [u8], faults: &Faults) {
        if bytes.is_empty() {
            self.client_is_gone = true;
            self.state.open.fetch_sub(1, SeqCst);
            return;
        }
        if self.trips.sent() {
            self.state.trips.fetch_add(1, SeqCst);
        }
        self.state.sent().extend_from_slice(bytes);
        if faults.forgets_scripts {
            self.scripts.replace_digests(bytes);
        }
        self.requests.extend_from_slice(bytes);
    }

    /// Takes what the store has answered; nothing means that it has closed its connection.
    fn answered(&mut self, bytes: &[u8], faults: &Faults) {
        if bytes.is_empty() {
            self.store_is_gone = true;
            return;
        }
        let due = self.signed_in.max(Instant::now() + faults.delay);
        self.state.held_back.fetch_add(bytes.len(), SeqCst);
        self.answers.push_back(Answer { bytes: bytes.to_vec(), due, depth: self.trips.depth() });
    }

    fn drop_answers(&mut self) {
        let length = self.answers.drain(..).map(|answer| answer.bytes.len()).sum();
        self.state.held_back.fetch_sub(length, SeqCst);
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.drop_answers();
        if !self.client_is_gone {
            self.state.open.fetch_sub(1, SeqCst);
        }
    }
}
