//! A TCP proxy in front of a store, which injects faults and counts round trips.
//!
//! A function gets the URL of the proxy instead of that of the store. For every connection to the proxy there is one
//! to the store, and the proxy copies bytes in both directions. Its [`Mode`] says whether bytes are forwarded,
//! swallowed or held back, and can change at any time, for open connections too. It can delay answers and sign-ins,
//! close connections, forget them as a NAT gateway does, and make a server forget its scripts. It records the bytes
//! that clients sent, and counts connections and round trips; a [`TripCounter`] counts those that were made one after
//! the other, over several stores together.

mod connection;
mod faults;
mod scripts;
mod state;
#[cfg(test)]
mod tests;
mod trips;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use stack::{Context as _, Error, Result};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};

use crate::context::TestContext;

pub use faults::Mode;
use state::State;
pub use trips::TripCounter;

/// The delay of answers at a counting proxy. All that a client sends in the meantime was sent before it saw the answer,
/// and so belongs to the same round trip.
const COUNTING_DELAY: Duration = Duration::from_millis(10);

/// The longest time that a test waits for bytes to arrive.
const WAIT_LIMIT: Duration = Duration::from_secs(5);

/// A running proxy and its counters. Clones share them; dropping the last clone stops the proxy.
#[derive(Clone)]
pub struct Proxy {
    url: String,
    state: Arc<State>,
    _listener: Arc<Listener>,
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
        Self::start(url, State::default()).await
    }

    /// The same on a `listener` of the caller, which may be in another network namespace than the store.
    pub fn listening_on(listener: std::net::TcpListener, url: &str) -> Result<Self> {
        listener.set_nonblocking(true).context("listen for connections")?;
        Self::on(TcpListener::from_std(listener).context("listen for connections")?, url, State::default())
    }

    /// The same with a delay of ten milliseconds for every answer, so that [trips](Self::trips) are counted exactly.
    pub async fn counting(url: &str) -> Result<Self> {
        Self::counted_by(&TripCounter::default(), url).await
    }

    /// The same as [`counting`](Self::counting), with a counter that other proxies may use too.
    pub async fn counted_by(counter: &TripCounter, url: &str) -> Result<Self> {
        let proxy = Self::start(url, State::counted_by(counter.clone())).await?;
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

    async fn start(url: &str, state: State) -> Result<Self> {
        Self::on(TcpListener::bind("127.0.0.1:0").await.context("listen on 127.0.0.1")?, url, state)
    }

    fn on(listener: TcpListener, url: &str, state: State) -> Result<Self> {
        let (_, rest) = url.split_once("://").unwrap_or_default();
        let host = rest.rsplit('@').next().and_then(|rest| rest.split('/').next()).unwrap_or_default();
        let store: SocketAddr =
            host.parse().map_err(|_| Error::new("a proxy needs an address and a port"))?;
        let address = listener.local_addr().context("listen for connections")?;
        let state = Arc::new(state);
        let listening = tokio::spawn(connection::accept(listener, store, state.clone()));
        let url = url.replace(host, &address.to_string());
        Ok(Self { url, state, _listener: Arc::new(Listener(listening.abort_handle())) })
    }

    /// The URL of the store through this proxy.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Changes the mode, for open connections as well.
    pub fn set(&self, mode: Mode) {
        self.state.set(|faults, _| faults.mode = mode);
    }

    /// Delays every answer of the store by `delay`.
    pub fn delay_answers(&self, delay: Duration) {
        self.state.set(|faults, _| faults.delay = delay);
    }

    /// Lets no answer through on a new connection before it is `delay` old: its sign-in takes at least that long, and
    /// what follows takes no longer than usual.
    pub fn delay_sign_ins(&self, delay: Duration) {
        self.state.set(|faults, _| faults.sign_in_delay = delay);
    }

    /// Makes the store answer `NOSCRIPT` to every `EVALSHA`, so that only `EVAL` works.
    pub fn forget_scripts(&self, forgets: bool) {
        self.state.set(|faults, _| faults.forgets_scripts = forgets);
    }

    /// Closes the connections that are open now. New ones work.
    pub fn cut(&self) {
        self.state.set(|faults, opened| faults.closed_up_to = opened);
    }

    /// Swallows everything on the connections that are open now, for ever and without closing them, as a NAT gateway
    /// does that has forgotten them. New ones work.
    pub fn forget_connections(&self) {
        self.state.set(|faults, opened| faults.forgotten_up_to = opened);
    }

    /// The number of round trips since the last call, including those that open a connection. One round trip is all
    /// that a client sends before it sees an answer to any of it.
    #[must_use]
    pub fn trips(&self) -> usize {
        self.state.trips.swap(0, SeqCst)
    }

    /// The number of connections that clients have open.
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
        std::mem::take(&mut self.state.sent())
    }

    /// How often `text` is in the bytes that clients have sent.
    #[must_use]
    pub fn count(&self, text: &str) -> usize {
        String::from_utf8_lossy(&self.state.sent()).matches(text).count()
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
            sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(WAIT_LIMIT, waiting).await.unwrap_or_else(|_| panic!("{failure}"));
}
