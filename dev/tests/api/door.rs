//! A door in front of a store, which can be opened, closed, made silent, or hold back what the store answers.

use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use shared::testing::Stage;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

/// Bytes pass.
pub(crate) const OPEN: u8 = 0;
/// Bytes vanish, also on connections that were open before; nobody is told.
pub(crate) const SILENT: u8 = 1;
/// Connections end at once.
pub(crate) const CLOSED: u8 = 2;
/// Bytes reach the store; its answers wait until the door is open.
pub(crate) const HOLDING: u8 = 3;

const TICK: Duration = Duration::from_millis(10);

/// A door and what came to it. Clones are the same one.
#[derive(Clone)]
pub(crate) struct Door {
    address: String,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    state: AtomicU8,
    /// How often somebody came.
    visits: AtomicUsize,
    /// Bytes of answers that are held back.
    held: AtomicUsize,
    /// What clients have sent.
    sent: Mutex<Vec<u8>>,
}

impl Door {
    async fn before(store: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let seen = Arc::new(Seen::default());
        let (door, store) = (seen.clone(), store.to_owned());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                door.visits.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(pass(client, store.clone(), door.clone()));
            }
        });
        Self { address, seen }
    }

    pub(crate) fn set(&self, state: u8) {
        self.seen.state.store(state, Ordering::SeqCst);
    }

    /// How many connections were opened so far.
    pub(crate) fn visits(&self) -> usize {
        self.seen.visits.load(Ordering::SeqCst)
    }

    /// How often clients have sent `text`.
    pub(crate) fn count(&self, text: &str) -> usize {
        String::from_utf8_lossy(&self.seen.sent.lock().unwrap()).matches(text).count()
    }

    /// Waits until clients have sent `text` so many times.
    pub(crate) async fn until_sent(&self, text: &str, times: usize) {
        let sent = async {
            while self.count(text) < times {
                sleep(TICK / 10).await;
            }
        };
        timeout(Duration::from_secs(5), sent).await.unwrap_or_else(|_| panic!("{text} was not sent"));
    }

    /// Waits until an answer is held back.
    pub(crate) async fn until_holding(&self) {
        let held = async {
            while self.seen.held.load(Ordering::SeqCst) == 0 {
                sleep(TICK / 10).await;
            }
        };
        timeout(Duration::from_secs(5), held).await.expect("the store answers");
    }
}

async fn pass(mut client: TcpStream, store: String, seen: Arc<Seen>) {
    let Ok(mut server) = TcpStream::connect(store).await else { return };
    let (mut up, mut down, mut held) = ([0; 8192], [0; 8192], Vec::new());
    loop {
        let state = seen.state.load(Ordering::SeqCst);
        if state == CLOSED {
            return;
        }
        if state == OPEN && !held.is_empty() {
            // Before the client can tell anybody that it has its answer.
            seen.held.fetch_sub(held.len(), Ordering::SeqCst);
            if client.write_all(&std::mem::take(&mut held)).await.is_err() {
                return;
            }
        }
        let moved = tokio::select! {
            read = client.read(&mut up) => match read {
                Ok(count @ 1..) => {
                    seen.sent.lock().unwrap().extend_from_slice(&up[..count]);
                    let vanish = seen.state.load(Ordering::SeqCst) == SILENT;
                    vanish || server.write_all(&up[..count]).await.is_ok()
                }
                _ => false,
            },
            read = server.read(&mut down) => match read {
                Ok(count @ 1..) => {
                    if seen.state.load(Ordering::SeqCst) != SILENT {
                        held.extend_from_slice(&down[..count]);
                        seen.held.fetch_add(count, Ordering::SeqCst);
                    }
                    true
                }
                _ => false,
            },
            () = sleep(TICK) => true,
        };
        if !moved {
            return;
        }
    }
}

/// `stage` with a door before the store that `variable` names.
pub(crate) async fn with_door(stage: Stage, variable: &str) -> (Stage, Door) {
    let url = stage.variable(variable).to_owned();
    let (_, rest) = url.split_once("://").unwrap();
    let host = rest.rsplit('@').next().unwrap().split('/').next().unwrap().to_owned();
    let door = Door::before(&host).await;
    let through = url.replace(&host, &door.address);
    (stage.with(variable, &through), door)
}
