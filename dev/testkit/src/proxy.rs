//! A TCP proxy in front of a store, which injects faults and counts round trips.
//!
//! A function gets the URL of the proxy instead of that of the store. For every connection to the proxy there is one
//! to the store, and the proxy copies bytes in both directions. Its [`Mode`] says whether bytes are forwarded,
//! discarded or held back, and can change at any time, for open connections too. The proxy also records the bytes
//! that clients sent, and counts connections and round trips.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use stack::{Context as _, Error, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, timeout};

use crate::context::TestContext;

/// What the proxy does with bytes and connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Mode {
    /// Bytes are forwarded.
    Open,
    /// Bytes are discarded in both directions, and the connections stay open.
    Swallowing,
    /// Connections are closed at once.
    Closed,
    /// Bytes reach the store. Its answers are held back until the mode is `Open`.
    Holding,
}

/// The delay of answers at a counting proxy. All that a client sends in the meantime was sent before it saw the answer,
/// and so belongs to the same round trip.
const COUNTING_DELAY: Duration = Duration::from_millis(10);

/// The time after which a connection notices a change of the mode.
const TICK: Duration = Duration::from_millis(10);

/// The longest time that a test waits for bytes to arrive.
const WAIT_LIMIT: Duration = Duration::from_secs(5);

/// A running proxy and its counters. Clones share them; dropping the last clone stops the proxy.
#[derive(Clone)]
pub struct Proxy {
    url: String,
    state: Arc<State>,
    _listener: Arc<Listener>,
}

#[derive(Default)]
struct State {
    mode: AtomicU8,
    delay: Mutex<Duration>,
    trips: AtomicUsize,
    opened: AtomicUsize,
    open: AtomicUsize,
    /// The number of bytes of answers that are held back.
    held_back: AtomicUsize,
    sent: Mutex<Vec<u8>>,
}

struct Listener(AbortHandle);

impl Drop for Listener {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Proxy {
    /// Starts a proxy in front of the store at `url`, for example `redis://:password@127.0.0.1:6379/0`.
    pub async fn in_front_of(url: &str) -> Result<Self> {
        let (_, rest) = url.split_once("://").unwrap_or_default();
        let host = rest.rsplit('@').next().and_then(|rest| rest.split('/').next()).unwrap_or_default();
        let store: SocketAddr =
            host.parse().map_err(|_| Error::new("a proxy needs an address and a port"))?;
        let listener = TcpListener::bind("127.0.0.1:0").await.context("listen on 127.0.0.1")?;
        let address = listener.local_addr().context("listen on 127.0.0.1")?;
        let state = Arc::<State>::default();
        let listening = tokio::spawn(accept(listener, store, state.clone()));
        let url = url.replace(host, &address.to_string());
        Ok(Self { url, state, _listener: Arc::new(Listener(listening.abort_handle())) })
    }

    /// The same with a delay of ten milliseconds for every answer, so that [trips](Self::trips) are counted exactly.
    pub async fn counting(url: &str) -> Result<Self> {
        let proxy = Self::in_front_of(url).await?;
        proxy.delay_answers(COUNTING_DELAY);
        Ok(proxy)
    }

    /// Starts a proxy in front of the store whose URL is in `variable`. The context that is returned uses the proxy.
    ///
    /// # Panics
    /// When the variable has no URL of a store.
    pub async fn replacing_url(context: TestContext, variable: &str) -> (TestContext, Self) {
        let proxy =
            Self::in_front_of(context.variable(variable)).await.expect("the variable has the URL of a store");
        (context.with(variable, proxy.url()), proxy)
    }

    /// The URL of the store through this proxy.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Changes the mode, for open connections as well.
    pub fn set(&self, mode: Mode) {
        self.state.mode.store(mode as u8, SeqCst);
    }

    /// Delays every answer of the store by `delay`.
    pub fn delay_answers(&self, delay: Duration) {
        *lock(&self.state.delay) = delay;
    }

    /// The number of round trips since the last call, including those that open a connection. One round trip is all
    /// that a client sends before it sees an answer to any of it.
    #[must_use]
    pub fn trips(&self) -> usize {
        self.state.trips.swap(0, SeqCst)
    }

    /// The number of connections that are open.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.state.open.load(SeqCst)
    }

    /// The number of connections that were opened so far.
    #[must_use]
    pub fn opened(&self) -> usize {
        self.state.opened.load(SeqCst)
    }

    /// The bytes that clients have sent since the last call.
    #[must_use]
    pub fn sent(&self) -> Vec<u8> {
        std::mem::take(&mut lock(&self.state.sent))
    }

    /// How often `text` is in the bytes that clients have sent.
    #[must_use]
    pub fn count(&self, text: &str) -> usize {
        String::from_utf8_lossy(&lock(&self.state.sent)).matches(text).count()
    }

    /// Waits until clients have sent `text` this many times.
    ///
    /// # Panics
    /// When that does not happen within five seconds.
    pub async fn until_sent(&self, text: &str, times: usize) {
        until(|| self.count(text) >= times, &format!("{text} was not sent")).await;
    }

    /// Waits until an answer of the store is held back.
    ///
    /// # Panics
    /// When that does not happen within five seconds.
    pub async fn until_holding(&self) {
        until(|| self.state.held_back.load(SeqCst) > 0, "the store did not answer").await;
    }
}

async fn until(reached: impl Fn() -> bool, failure: &str) {
    let waiting = async {
        while !reached() {
            sleep(TICK / 10).await;
        }
    };
    timeout(WAIT_LIMIT, waiting).await.unwrap_or_else(|_| panic!("{failure}"));
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(listener: TcpListener, store: SocketAddr, state: Arc<State>) {
    while let Ok((client, _)) = listener.accept().await {
        state.opened.fetch_add(1, SeqCst);
        let state = state.clone();
        tokio::spawn(async move {
            state.open.fetch_add(1, SeqCst);
            // Returns an error when either side closes its connection abruptly.
            let _ = forward(client, store, &state).await;
            state.open.fetch_sub(1, SeqCst);
        });
    }
}

/// The answers of the store that were not forwarded yet.
struct Answers {
    bytes: Vec<u8>,
    /// The time at which the first of the bytes may be forwarded.
    due: Instant,
}

/// Forwards bytes until either side closes its connection, or the mode is `Closed`.
async fn forward(mut client: TcpStream, store: SocketAddr, state: &State) -> std::io::Result<()> {
    let mut server = TcpStream::connect(store).await?;
    for stream in [&client, &server] {
        stream.set_nodelay(true)?;
    }
    let (mut up, mut down) = (vec![0; 65_536], vec![0; 65_536]);
    let mut answers = Answers { bytes: Vec::new(), due: Instant::now() };
    let mut is_answered = true;
    while !state.mode_is(Mode::Closed) {
        if state.mode_is(Mode::Open) && !answers.bytes.is_empty() && answers.due <= Instant::now() {
            // Counted first, because the test may continue as soon as the client has its answer.
            state.held_back.fetch_sub(answers.bytes.len(), SeqCst);
            client.write_all(&std::mem::take(&mut answers.bytes)).await?;
            is_answered = true;
        }
        tokio::select! {
            read = client.read(&mut up) => {
                let Some(bytes) = bytes_read(&up, read?) else { return Ok(()) };
                if std::mem::take(&mut is_answered) {
                    state.trips.fetch_add(1, SeqCst);
                }
                lock(&state.sent).extend_from_slice(bytes);
                if !state.mode_is(Mode::Swallowing) {
                    server.write_all(bytes).await?;
                }
            }
            read = server.read(&mut down) => {
                let Some(bytes) = bytes_read(&down, read?) else { return Ok(()) };
                if !state.mode_is(Mode::Swallowing) {
                    if answers.bytes.is_empty() {
                        answers.due = Instant::now() + *lock(&state.delay);
                    }
                    answers.bytes.extend_from_slice(bytes);
                    state.held_back.fetch_add(bytes.len(), SeqCst);
                }
            }
            () = sleep(TICK.min(answers.due.saturating_duration_since(Instant::now()).max(TICK / 10))) => {}
        }
    }
    Ok(())
}

/// The bytes that were read; `None` at the end of the connection.
fn bytes_read(buffer: &[u8], read: usize) -> Option<&[u8]> {
    buffer.get(..read).filter(|bytes| !bytes.is_empty())
}

impl State {
    fn mode_is(&self, mode: Mode) -> bool {
        self.mode.load(SeqCst) == mode as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A store that returns what it receives, two bytes at a time.
    async fn store() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut client, _) = listener.accept().await.unwrap();
            let mut two = [0; 2];
            while client.read_exact(&mut two).await.is_ok() {
                client.write_all(&two).await.unwrap();
            }
        });
        format!("redis://:password@{address}/0")
    }

    async fn connect(proxy: &Proxy) -> TcpStream {
        let address = proxy.url().trim_start_matches("redis://:password@").trim_end_matches("/0").to_owned();
        TcpStream::connect(address).await.unwrap()
    }

    #[tokio::test]
    async fn what_is_sent_before_an_answer_is_one_trip() {
        let proxy = Proxy::counting(&store().await).await.unwrap();
        let mut client = connect(&proxy).await;
        let mut two = [0; 2];
        for _ in 0..2 {
            client.write_all(b"a").await.unwrap();
            client.write_all(b"b").await.unwrap();
            client.read_exact(&mut two).await.unwrap();
        }
        assert_eq!((proxy.trips(), proxy.trips(), proxy.connections()), (2, 0, 1));
        assert_eq!((proxy.sent(), proxy.sent()), (b"abab".to_vec(), Vec::new()));
    }

    #[tokio::test]
    async fn an_answer_is_held_until_the_proxy_is_open_again() {
        let proxy = Proxy::in_front_of(&store().await).await.unwrap();
        let mut client = connect(&proxy).await;
        proxy.set(Mode::Holding);
        client.write_all(b"ab").await.unwrap();
        proxy.until_holding().await;
        proxy.set(Mode::Open);
        let mut two = [0; 2];
        client.read_exact(&mut two).await.unwrap();
        assert_eq!(&two, b"ab");
    }
}
