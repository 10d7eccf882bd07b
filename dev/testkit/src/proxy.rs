//! A door in front of a store, which counts what goes through it.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::AbortHandle,
    time::sleep,
};

use crate::{Error, Result, error::Context};

/// How long an answer is held back. What a client sends meanwhile it sends without having seen the answer.
const HELD: Duration = Duration::from_millis(10);

/// Counts round trips: a trip is all that is sent before an answer to any of it is seen. Dropping it closes it.
pub struct Door {
    url: String,
    count: Arc<Count>,
    listener: AbortHandle,
}

#[derive(Default)]
struct Count {
    trips: AtomicUsize,
    open: AtomicUsize,
    sent: Mutex<Vec<u8>>,
}

impl Drop for Door {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

impl Door {
    /// A door to the store at `url`, for example `redis://:password@127.0.0.1:6379/0`.
    pub async fn before(url: &str) -> Result<Self> {
        let host = url.rsplit('@').next().and_then(|rest| rest.split('/').next()).unwrap_or_default();
        let store: SocketAddr = host.parse().map_err(|_| Error::new("a door needs an address and a port"))?;
        let listener = TcpListener::bind("127.0.0.1:0").await.context("listen on 127.0.0.1")?;
        let address = listener.local_addr().context("listen on 127.0.0.1")?;
        let count = Arc::<Count>::default();
        let counting = count.clone();
        let listening = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let count = counting.clone();
                tokio::spawn(async move {
                    count.open.fetch_add(1, SeqCst);
                    // Ends with an error when either side goes away.
                    let _ = pass(client, store, &count).await;
                    count.open.fetch_sub(1, SeqCst);
                });
            }
        });
        let url = url.replace(host, &address.to_string());
        Ok(Self { url, count, listener: listening.abort_handle() })
    }

    /// The store's URL through this door.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Round trips since this was last asked, those that open a connection included.
    #[must_use]
    pub fn trips(&self) -> usize {
        self.count.trips.swap(0, SeqCst)
    }

    /// Connections that are open.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.count.open.load(SeqCst)
    }

    /// What clients have sent since this was last asked.
    #[must_use]
    pub fn sent(&self) -> Vec<u8> {
        std::mem::take(&mut self.count.sent.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn pass(mut client: TcpStream, store: SocketAddr, count: &Count) -> std::io::Result<()> {
    let mut server = TcpStream::connect(store).await?;
    for stream in [&client, &server] {
        stream.set_nodelay(true)?;
    }
    let (mut up, mut down) = (vec![0; 65_536], vec![0; 65_536]);
    let mut answered = true;
    loop {
        tokio::select! {
            read = client.read(&mut up) => {
                let read = up.get(..read?).filter(|bytes| !bytes.is_empty());
                let Some(bytes) = read else { return Ok(()) };
                if std::mem::take(&mut answered) {
                    count.trips.fetch_add(1, SeqCst);
                }
                count.sent.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
                server.write_all(bytes).await?;
            }
            read = server.read(&mut down) => {
                let read = down.get(..read?).filter(|bytes| !bytes.is_empty());
                let Some(bytes) = read else { return Ok(()) };
                hold(&mut client, &mut server, count).await?;
                client.write_all(bytes).await?;
                answered = true;
            }
        }
    }
}

/// Passes on for a while what the client sends, and nothing that the server does.
async fn hold(client: &mut TcpStream, server: &mut TcpStream, count: &Count) -> std::io::Result<()> {
    let mut up = vec![0; 65_536];
    let over = sleep(HELD);
    tokio::pin!(over);
    loop {
        tokio::select! {
            () = &mut over => return Ok(()),
            read = client.read(&mut up) => {
                let read = up.get(..read?).filter(|bytes| !bytes.is_empty());
                let Some(bytes) = read else { return Ok(()) };
                count.sent.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
                server.write_all(bytes).await?;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers every second byte with two.
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

    #[tokio::test]
    async fn what_is_sent_before_an_answer_is_one_trip() {
        let door = Door::before(&store().await).await.unwrap();
        let address = door.url().trim_start_matches("redis://:password@").trim_end_matches("/0").to_owned();
        let mut client = TcpStream::connect(address).await.unwrap();
        let mut two = [0; 2];
        for _ in 0..2 {
            client.write_all(b"a").await.unwrap();
            client.write_all(b"b").await.unwrap();
            client.read_exact(&mut two).await.unwrap();
        }
        assert_eq!((door.trips(), door.trips(), door.connections()), (2, 0, 1));
        assert_eq!((door.sent(), door.sent()), (b"abab".to_vec(), Vec::new()));
    }
}
