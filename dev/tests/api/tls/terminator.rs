//! What stands in front of a store, speaks TLS as AWS's stores do, and hears what is said.

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

/// An authority of a test's own.
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

    /// A server with a certificate for `name` that is good until that year.
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

/// What is done with whoever connects.
#[derive(Clone)]
pub(super) enum Manner {
    /// Speaks TLS and passes what was said on to the store.
    Encrypted(TlsAcceptor),
    /// Speaks TLS, asks for the password in plain text, as RDS does for tokens, and refuses every one.
    Refusing(TlsAcceptor),
    /// Speaks no TLS and says so, where there is a word for it.
    Plain,
}

/// The end of TLS before a store.
pub(super) struct Terminator {
    pub(super) port: u16,
    /// All that was said without TLS.
    clear: Arc<Mutex<Vec<u8>>>,
    /// All that was said within TLS, connection by connection.
    said: Arc<Mutex<Vec<Vec<u8>>>>,
    closing: watch::Sender<()>,
}

impl Terminator {
    /// Stands before the store at `address`; a Postgres client begins with a question about TLS.
    pub(super) async fn before(address: &str, postgres: bool, manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (closing, closed) = watch::channel(());
        let terminator = Self { port, clear: Arc::default(), said: Arc::default(), closing };
        let (clear, said, address) = (terminator.clear.clone(), terminator.said.clone(), address.to_owned());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let visit =
                    Visit { address: address.clone(), postgres, clear: clear.clone(), said: said.clone() };
                let (manner, mut closed) = (manner.clone(), closed.clone());
                closed.mark_unchanged();
                tokio::spawn(async move {
                    tokio::select! {
                        _ = visit.receive(client, manner) => {}
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

    pub(super) fn clear(&self) -> Vec<u8> {
        self.clear.lock().unwrap().clone()
    }

    /// What each connection said, as text.
    pub(super) fn said(&self) -> Vec<String> {
        self.said.lock().unwrap().iter().map(|said| String::from_utf8_lossy(said).into_owned()).collect()
    }
}

struct Visit {
    address: String,
    postgres: bool,
    clear: Arc<Mutex<Vec<u8>>>,
    said: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Visit {
    async fn receive(&self, mut client: TcpStream, manner: Manner) -> std::io::Result<()> {
        if self.postgres {
            let mut request = TLS_REQUEST;
            client.read_exact(&mut request).await?;
            self.clear.lock().unwrap().extend(request);
            let answer = if matches!(manner, Manner::Plain) { b"N" } else { b"S" };
            client.write_all(answer).await?;
        }
        match manner {
            Manner::Plain => self.listen(client).await,
            Manner::Encrypted(acceptor) => {
                let (mut client, mut client_writes) = split(acceptor.accept(client).await?);
                let (mut store_reads, mut store) = TcpStream::connect(&self.address).await?.into_split();
                tokio::select! {
                    ended = self.overhear(&mut client, &mut store) => ended,
                    ended = copy(&mut store_reads, &mut client_writes) => ended.map(drop),
                }
            }
            Manner::Refusing(acceptor) => {
                let password = ask_and_refuse(acceptor.accept(client).await?).await?;
                self.said.lock().unwrap().push(password);
                Ok(())
            }
        }
    }

    /// Takes everything in and never answers.
    async fn listen(&self, mut client: TcpStream) -> std::io::Result<()> {
        let mut buffer = [0; 4096];
        loop {
            let count = client.read(&mut buffer).await?;
            if count == 0 {
                return Ok(());
            }
            self.clear.lock().unwrap().extend(&buffer[..count]);
        }
    }

    /// Passes on what is said, and keeps it.
    async fn overhear(
        &self,
        client: &mut (impl AsyncRead + Unpin),
        store: &mut (impl AsyncWrite + Unpin),
    ) -> std::io::Result<()> {
        let visit = {
            let mut said = self.said.lock().unwrap();
            said.push(Vec::new());
            said.len() - 1
        };
        let mut buffer = [0; 4096];
        loop {
            let count = client.read(&mut buffer).await?;
            if count == 0 {
                return Ok(());
            }
            self.said.lock().unwrap()[visit].extend(&buffer[..count]);
            store.write_all(&buffer[..count]).await?;
        }
    }
}

/// Postgres' side of a sign-in with a password, which it refuses and returns.
async fn ask_and_refuse(mut client: impl AsyncRead + AsyncWrite + Unpin) -> std::io::Result<Vec<u8>> {
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
