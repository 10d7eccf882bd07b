//! Where Redis is and how to get in: with or without TLS, with a password or a token.

use std::future::Future;
use std::sync::Arc;
use std::time::SystemTime;

use ::redis::aio::MultiplexedConnection;
use ::redis::{AsyncConnectionConfig, Client, ConnectionAddr, RedisConnectionInfo, RedisResult};
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

use crate::config::{self, Env};
use crate::stores::iam::{Signer, is_name};
use crate::stores::tls;

const URL: &str = "REDIS_URL";
const AUTH: &str = "REDIS_AUTH";
const CACHE: &str = "REDIS_CACHE_NAME";

/// The server, as the configuration describes it.
pub(super) struct Server {
    client: Client,
    /// None where the URL does not demand it.
    tls: Option<Tls>,
}

/// What it takes to connect with TLS. The client could do so itself, but would read every authority of the system at
/// each connection, also where it is told whom to trust.
struct Tls {
    connector: TlsConnector,
    host: String,
    port: u16,
    name: ServerName<'static>,
    login: Option<Login>,
}

/// Somebody who shows tokens.
struct Login {
    signer: Signer,
    cache: String,
    user: String,
}

/// An open connection. With its last clone the task ends that moves its bytes.
#[derive(Clone)]
pub(super) struct Link {
    pub(super) connection: MultiplexedConnection,
    _driver: Option<Arc<Driver>>,
}

struct Driver(JoinHandle<()>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Server {
    /// Reads `REDIS_URL` and `REDIS_AUTH`; for `rediss://` also `TLS_ROOTS`. With `REDIS_AUTH=iam` it reads
    /// `REDIS_CACHE_NAME`, each connection shows a token, and TLS is a must.
    pub(super) fn from_env(env: &Env) -> Result<Self, config::Error> {
        let url = env.required(URL)?;
        let encrypted = ["rediss://", "valkeys://"].iter().find_map(|scheme| url.strip_prefix(scheme));
        // Without TLS of its own the client refuses those schemes.
        let plain = encrypted.map(|rest| format!("redis://{rest}"));
        let client = Client::open(plain.as_deref().unwrap_or(url))
            .map_err(|_| config::Error::invalid(URL, "is not a Redis URL"))?;
        let signer = Signer::if_chosen(env, AUTH)?;
        if encrypted.is_some() {
            let tls = Tls::from_env(env, &client, signer)?;
            return Ok(Self { client, tls: Some(tls) });
        }
        match signer {
            Some(_) => Err(config::Error::invalid(URL, "must begin with rediss://, for tokens are secrets")),
            None => Ok(Self { client, tls: None }),
        }
    }

    /// Opens a connection at `now`, which the token is made for if there is one.
    pub(super) async fn connect(&self, now: SystemTime) -> RedisResult<Link> {
        match &self.tls {
            None => {
                let connection = self.client.get_multiplexed_async_connection_with_config(&config()).await?;
                Ok(Link { connection, _driver: None })
            }
            Some(tls) => tls.connect(self.client.get_connection_info().redis_settings(), now).await,
        }
    }
}

impl Tls {
    fn from_env(env: &Env, client: &Client, signer: Option<Signer>) -> Result<Self, config::Error> {
        let info = client.get_connection_info();
        let unusable = || config::Error::invalid(URL, "does not name a host");
        let ConnectionAddr::Tcp(host, port) = info.addr() else { return Err(unusable()) };
        let login = match signer {
            None => None,
            Some(signer) => Some(Login::from_env(env, signer, info.redis_settings())?),
        };
        Ok(Self {
            connector: Arc::new(tls::to_redis(env)?).into(),
            host: host.clone(),
            port: *port,
            name: ServerName::try_from(host.clone()).map_err(|_| unusable())?,
            login,
        })
    }

    async fn connect(&self, settings: &RedisConnectionInfo, now: SystemTime) -> RedisResult<Link> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        stream.set_nodelay(true)?;
        let stream = self.connector.connect(self.name.clone(), stream).await?;
        let mut settings = settings.clone();
        if let Some(Login { signer, cache, user }) = &self.login {
            settings = settings.set_password(signer.redis_token(cache, user, now));
        }
        let (connection, driver) =
            MultiplexedConnection::new_with_config(&settings, stream, config()).await?;
        Ok(Link { connection, _driver: Some(Arc::new(drive(driver))) })
    }
}

impl Login {
    fn from_env(env: &Env, signer: Signer, settings: &RedisConnectionInfo) -> Result<Self, config::Error> {
        let user = settings.username().ok_or_else(|| config::Error::invalid(URL, "does not name a user"))?;
        let cache = env.required(CACHE)?;
        if !is_name(cache) {
            return Err(config::Error::invalid(CACHE, "is not the name of a cache"));
        }
        Ok(Self { signer, cache: cache.to_owned(), user: user.to_owned() })
    }
}

/// Nothing is timed here: each trip is, connecting included, and a second timer would be a second wake-up.
fn config() -> AsyncConnectionConfig {
    AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None)
}

fn drive(driver: impl Future<Output = ()> + Send + 'static) -> Driver {
    Driver(tokio::spawn(driver))
}
