//! A TLS terminator in front of a store: it speaks TLS as the stores of AWS do, and records what clients send.

use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy, split};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// What a Postgres client sends to ask whether the server speaks TLS.
pub(super) const TLS_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// A certificate authority that only one test knows.
pub(super) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(super) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Its certificate, as `TLS_ROOTS` takes it.
    pub(super) fn pem(&self) -> String {
        self.0.pem().replace("\r\n", "\n").replace('\n', "\\n")
    }

    /// The TLS side of a server whose certificate is for `name` and valid until the year `until`.
    pub(super) fn server(&self, name: &str, until: i32) -> TlsAcceptor {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(until, 1, 1);
        let certificate = params.signed_by(&key, &self.0).unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        Arc::new(config).into()
    }
}

/// How a terminator treats a connection.
#[derive(Clone)]
pub(super) enum TlsMode {
    /// Speaks TLS and forwards to the store.
    Forwarding(TlsAcceptor),
    /// Speaks TLS, asks for the password in plain text, as RDS does for tokens, and refuses every one.
    Refusing(TlsAcceptor),
    /// Speaks no TLS, and tells a Postgres client so.
    Unencrypted,
}

/// A TLS terminator before a store.
pub(super) struct Terminator {
    pub(super) port: u16,
    /// All bytes that clients sent without TLS.
    plaintext: Arc<Mutex<Vec<u8>>>,
    /// The bytes that clients sent inside TLS, one entry for each connection.
    decrypted: Arc<Mutex<Vec<Vec<u8>>>>,
    closing: watch::Sender<()>,
}

impl Terminator {
    /// Listens in front of the store at `address`. A Postgres client first asks whether the server speaks TLS.
    pub(super) async fn in_front_of(address: &str, postgres: bool, mode: TlsMode) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (closing, closed) = watch::channel(());
        let terminator = Self { port, plaintext: Arc::default(), decrypted: Arc::default(), closing };
        let recorded = (terminator.plaintext.clone(), terminator.decrypted.clone());
        let address = address.to_owned();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (plaintext, decrypted) = recorded.clone();
                let connection = Connection { address: address.clone(), postgres, plaintext, decrypted };
                let (mode, mut closed) = (mode.clone(), closed.clone());
                closed.mark_unchanged();
                tokio::spawn(async move {
                    tokio::select! {
                        _ = connection.serve(client, mode) => {}
                        _ = closed.changed() => {}
                    }
                });
            }
        });
        terminator
    }

    /// Ends every connection, as `ElastiCache` does after twelve hours.
    pub(super) fn close_all(&self) {
        self.closing.send_replace(());
    }

    /// All bytes that clients sent without TLS.
    pub(super) fn plaintext(&self) -> Vec<u8> {
        self.plaintext.lock().unwrap().clone()
    }

    /// What each connection sent inside TLS, as text.
    pub(super) fn decrypted(&self) -> Vec<String> {
        self.decrypted.lock().unwrap().iter().map(|sent| String::from_utf8_lossy(sent).into_owned()).collect()
    }
}

/// One connection, with the records of its terminator.
struct Connection {
    address: String,
    postgres: bool,
    plaintext: Arc<Mutex<Vec<u8>>>,
    decrypted: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Connection {
    async fn serve(&self, mut client: TcpStream, mode: TlsMode) -> std::io::Result<()> {
        if self.postgres {
            let mut request = TLS_REQUEST;
            client.read_exact(&mut request).await?;
            self.plaintext.lock().unwrap().extend(request);
            let response = if matches!(mode, TlsMode::Unencrypted) { b"N" } else { b"S" };
            client.write_all(response).await?;
        }
        match mode {
            TlsMode::Unencrypted => self.record(client).await,
            TlsMode::Forwarding(acceptor) => {
                let (mut client, mut client_writes) = split(acceptor.accept(client).await?);
                let (mut store_reads, mut store) = TcpStream::connect(&self.address).await?.into_split();
                tokio::select! {
                    ended = self.forward(&mut client, &mut store) => ended,
                    ended = copy(&mut store_reads, &mut client_writes) => ended.map(drop),
                }
            }
            TlsMode::Refusing(acceptor) => {
                let password = refuse_password(acceptor.accept(client).await?).await?;
                self.decrypted.lock().unwrap().push(password);
                Ok(())
            }
        }
    }

    /// Records everything and never responds.
    async fn record(&self, mut client: TcpStream) -> std::io::Result<()> {
        let mut buffer = [0; 4096];
        loop {
            let count = client.read(&mut buffer).await?;
            if count == 0 {
                return Ok(());
            }
            self.plaintext.lock().unwrap().extend(&buffer[..count]);
        }
    }

    /// Forwards what the client sends, and records it.
    async fn forward(
        &self,
        client: &mut (impl AsyncRead + Unpin),
        store: &mut (impl AsyncWrite + Unpin),
    ) -> std::io::Result<()> {
        let connection = {
            let mut decrypted = self.decrypted.lock().unwrap();
            decrypted.push(Vec::new());
            decrypted.len() - 1
        };
        let mut buffer = [0; 4096];
        loop {
            let count = client.read(&mut buffer).await?;
            if count == 0 {
                return Ok(());
            }
            self.decrypted.lock().unwrap()[connection].extend(&buffer[..count]);
            store.write_all(&buffer[..count]).await?;
        }
    }
}

/// The server's side of a sign-in to Postgres: asks for a password in plain text, refuses it, and returns it.
async fn refuse_password(mut client: impl AsyncRead + AsyncWrite + Unpin) -> std::io::Result<Vec<u8>> {
    let startup = client.read_u32().await?;
    client.read_exact(&mut vec![0; startup as usize - 4]).await?;
    client.write_all(b"R\0\0\0\x08\0\0\0\x03").await?;
    let (_, length) = (client.read_u8().await?, client.read_u32().await?);
    let mut password = vec![0; length as usize - 4];
    client.read_exact(&mut password).await?;
    password.pop();
    client.write_all(b"E\0\0\0\x1cSFATAL\0C28000\0Mrefused\0\0").await?;
    client.shutdown().await?;
    Ok(password)
}
