//! One connection: its client, the path that delays, the end of TLS, and the store behind it.
//!
//! One thread does everything: it waits until either side has sent something or a piece on its way has arrived.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustls::{ServerConfig, ServerConnection};

use crate::delay_queue::DelayQueue;
use crate::error::Result;

/// The message by which a Postgres client asks whether the server speaks TLS.
const TLS_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// The most bytes that are read at once, well below the 64 KiB that rustls buffers.
const PIECE: usize = 16_384;

/// A store and how far away it is.
pub(crate) struct Store {
    pub(crate) address: SocketAddr,
    /// A Postgres client asks for TLS before it begins with it.
    pub(crate) is_postgres: bool,
    /// The time from sending something until its answer arrives, without the work of the store.
    pub(crate) round_trip: Duration,
    /// The additional time until the first answer of a connection, which is the one to the sign-in.
    pub(crate) sign_in: Duration,
    pub(crate) tls: Arc<ServerConfig>,
}

pub(crate) struct Connection {
    client: TcpStream,
    server: TcpStream,
    tls: ServerConnection,
    /// Whether the client still has to ask for TLS.
    asks_for_tls: bool,
    /// Half a round trip.
    one_way: Duration,
    /// The sign-in's time, until it is over.
    sign_in: Duration,
    /// A TCP handshake takes a round trip, but that with this proxy took none: what the client sends first was sent
    /// this late.
    established: Instant,
    to_server: DelayQueue,
    to_client: DelayQueue,
    buffer: Vec<u8>,
}

impl Connection {
    pub(crate) fn open(client: TcpStream, store: &Store) -> Result<Self> {
        let established = Instant::now() + store.round_trip;
        let server = TcpStream::connect(store.address)?;
        for stream in [&client, &server] {
            stream.set_nodelay(true)?;
        }
        Ok(Self {
            client,
            server,
            tls: ServerConnection::new(store.tls.clone())?,
            asks_for_tls: store.is_postgres,
            one_way: store.round_trip / 2,
            sign_in: store.sign_in,
            established,
            to_server: DelayQueue::default(),
            to_client: DelayQueue::default(),
            buffer: vec![0; PIECE],
        })
    }

    /// Forwards bytes until the client ends the connection, or the store does and its last answer has arrived.
    pub(crate) fn forward(mut self) -> Result<()> {
        let mut is_store_open = true;
        loop {
            self.deliver()?;
            if !is_store_open && self.to_client.next_due().is_none() {
                return Ok(());
            }
            let [client, server] = self.wait(is_store_open)?;
            if client {
                let count = self.client.read(&mut self.buffer)?;
                if count == 0 {
                    return Ok(());
                }
                let sent = Instant::now().max(self.established);
                self.to_server.push(sent + self.one_way, self.buffer[..count].to_vec());
            }
            if server {
                let count = self.server.read(&mut self.buffer)?;
                is_store_open = count > 0;
                self.tls.writer().write_all(&self.buffer[..count])?;
                let sign_in = std::mem::take(&mut self.sign_in);
                self.send_encrypted(sign_in)?;
            }
        }
    }

    /// Waits until the client or the store has sent something, or a piece is due. Returns which of them has.
    fn wait(&self, is_store_open: bool) -> io::Result<[bool; 2]> {
        let due = [&self.to_server, &self.to_client].into_iter().filter_map(DelayQueue::next_due).min();
        let timeout = due.map(|due| due.saturating_duration_since(Instant::now()));
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        let mut sides = [&self.client, &self.server].map(|side| PollFd::new(side, PollFlags::IN));
        // A store that has closed the connection would always be ready.
        let open = if is_store_open { 2 } else { 1 };
        poll(&mut sides[..open], timeout.as_ref())?;
        Ok(sides.map(|side| !side.revents().is_empty()))
    }

    /// Delivers what has arrived, at the end of TLS and at the client.
    fn deliver(&mut self) -> Result<()> {
        while let Some(bytes) = self.to_server.take_due(Instant::now()) {
            self.receive(&bytes)?;
        }
        while let Some(bytes) = self.to_client.take_due(Instant::now()) {
            self.client.write_all(&bytes)?;
        }
        Ok(())
    }

    /// Decrypts what has arrived from the client and sends it to the store. What TLS itself answers is sent back.
    fn receive(&mut self, mut bytes: &[u8]) -> Result<()> {
        if self.asks_for_tls {
            bytes = bytes.strip_prefix(&TLS_REQUEST).ok_or("this client does not ask for TLS")?;
            self.to_client.push(Instant::now() + self.one_way, b"S".to_vec());
            self.asks_for_tls = false;
        }
        while !bytes.is_empty() {
            self.tls.read_tls(&mut bytes)?;
            let plaintext = self.tls.process_new_packets()?.plaintext_bytes_to_read();
            let mut decrypted = vec![0; plaintext];
            self.tls.reader().read_exact(&mut decrypted)?;
            self.server.write_all(&decrypted)?;
        }
        self.send_encrypted(Duration::ZERO)
    }

    /// Puts what TLS has to send on its way to the client, `after` a time.
    fn send_encrypted(&mut self, after: Duration) -> Result<()> {
        let mut encrypted = Vec::new();
        while self.tls.wants_write() {
            self.tls.write_tls(&mut encrypted)?;
        }
        if !encrypted.is_empty() {
            self.to_client.push(Instant::now() + self.one_way + after, encrypted);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use rustls::crypto::ring;
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject as _;
    use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

    use super::*;
    use crate::certificate;

    const ROUND_TRIP: Duration = Duration::from_millis(4);
    const SIGN_IN: Duration = Duration::from_millis(30);

    /// A store that returns what it receives.
    fn echo() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            io::copy(&mut stream.try_clone().unwrap(), &mut stream)
        });
        address
    }

    /// A client of a proxy before a store, which has asked for TLS if it is one of Postgres.
    fn client(is_postgres: bool) -> StreamOwned<ClientConnection, TcpStream> {
        let (pem, tls) = certificate::generate().unwrap();
        let store = Store { address: echo(), is_postgres, round_trip: ROUND_TRIP, sign_in: SIGN_IN, tls };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            let (client, _) = listener.accept().unwrap();
            Connection::open(client, &store).and_then(Connection::forward)
        });
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let tls = ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        if is_postgres {
            stream.write_all(&TLS_REQUEST).unwrap();
            let mut answer = [0];
            stream.read_exact(&mut answer).unwrap();
            assert_eq!(&answer, b"S");
        }
        StreamOwned::new(tls, stream)
    }

    fn exchange(client: &mut StreamOwned<ClientConnection, TcpStream>, text: &[u8]) -> Duration {
        let began = Instant::now();
        client.write_all(text).unwrap();
        let mut answer = vec![0; text.len()];
        client.read_exact(&mut answer).unwrap();
        assert_eq!(answer, text);
        began.elapsed()
    }

    #[test]
    fn every_answer_takes_a_round_trip_and_the_first_one_a_sign_in_and_handshakes_too() {
        for (is_postgres, handshakes) in [(false, 2), (true, 1)] {
            let began = Instant::now();
            let mut client = client(is_postgres);
            // The round trip of TCP's handshake is in the first answer, which a client of Postgres has had.
            let first = exchange(&mut client, b"AUTH secret");
            assert!(first >= ROUND_TRIP * (handshakes + 1) + SIGN_IN, "{first:?}");
            assert!(began.elapsed() >= first + ROUND_TRIP * if is_postgres { 2 } else { 0 });
            assert!(exchange(&mut client, b"GET") >= ROUND_TRIP);
        }
    }

    #[test]
    fn much_arrives_completely_and_in_order() {
        let mut client = client(false);
        let text: Vec<u8> = (0..40_000_u32).flat_map(u32::to_be_bytes).collect();
        exchange(&mut client, &text);
    }
}
