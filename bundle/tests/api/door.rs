//! A door in front of a store, to see what happens when it closes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::time::Duration;

use shared::testing::Stage;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

/// A door in front of a store that can be opened, closed, or made silent.
pub(crate) struct Door {
    state: Arc<AtomicU8>,
    /// How often somebody came.
    visits: Arc<AtomicUsize>,
    address: String,
}

/// Bytes pass.
pub(crate) const OPEN: u8 = 0;
/// Bytes vanish, also on connections that were open before; nobody is told.
pub(crate) const SILENT: u8 = 1;
/// Connections end at once.
pub(crate) const CLOSED: u8 = 2;

impl Door {
    async fn before(store: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let state = Arc::new(AtomicU8::new(OPEN));
        let visits = Arc::new(AtomicUsize::new(0));
        let (seen, counted, store) = (state.clone(), visits.clone(), store.to_owned());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(pass(client, store.clone(), seen.clone()));
            }
        });
        Self { state, visits, address }
    }

    /// How many connections were opened so far.
    pub(crate) fn visits(&self) -> usize {
        self.visits.load(Ordering::SeqCst)
    }

    pub(crate) fn set(&self, state: u8) {
        self.state.store(state, Ordering::SeqCst);
    }
}

async fn pass(mut client: TcpStream, store: String, state: Arc<AtomicU8>) {
    let Ok(mut server) = TcpStream::connect(store).await else { return };
    let (mut up, mut down) = ([0; 8192], [0; 8192]);
    loop {
        if state.load(Ordering::SeqCst) == CLOSED {
            return;
        }
        let moved = tokio::select! {
            read = client.read(&mut up) => relay(read, &up, &mut server, &state).await,
            read = server.read(&mut down) => relay(read, &down, &mut client, &state).await,
            () = sleep(Duration::from_millis(10)) => true,
        };
        if !moved {
            return;
        }
    }
}

async fn relay(read: std::io::Result<usize>, bytes: &[u8], to: &mut TcpStream, state: &AtomicU8) -> bool {
    match read {
        Ok(count) if count > 0 => {
            state.load(Ordering::SeqCst) == SILENT || to.write_all(&bytes[..count]).await.is_ok()
        }
        _ => false,
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
