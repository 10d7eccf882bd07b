//! The connection settings of Redis, and how a connection is opened from them: with or without TLS, with a password or
//! an IAM token.
//!
//! Without TLS the client of the `redis` crate connects by itself. With TLS this module opens the stream, because that
//! client would parse every certificate authority of the system at each connection, also when it is told which to
//! trust. It then also runs the task that does the connection's I/O and aborts it with the last clone of the
//! [`Connection`].

use std::sync::Arc;
use std::time::SystemTime;

use ::redis::aio::MultiplexedConnection;
use ::redis::{AsyncConnectionConfig, Client, ConnectionAddr, RedisConnectionInfo, RedisResult};
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

use crate::config::{self, Env};
use crate::stores::iam::{TokenSigner, is_valid_name};
use crate::stores::tls;

const URL: &str = "REDIS_URL";
const AUTH: &str = "REDIS_AUTH";
const CACHE: &str = "REDIS_CACHE_NAME";

/// Address, user, TLS and authentication, as `REDIS_URL` and `REDIS_AUTH` say.
pub(super) struct ConnectionSettings {
    client: Client,
    /// `None` where the URL does not require it.
    tls: Option<Tls>,
}

/// The settings for connecting with TLS.
struct Tls {
    connector: TlsConnector,
    host: String,
    port: u16,
    name: ServerName<'static>,
    iam: Option<IamLogin>,
}

/// Authentication by IAM tokens. A token is valid for one cache and user.
struct IamLogin {
    signer: TokenSigner,
    cache: String,
    user: String,
}

/// An open connection. It closes when its last clone is dropped.
#[derive(Clone)]
pub(super) struct Connection {
    pub(super) client: MultiplexedConnection,
    _task: Option<Arc<ConnectionTask>>,
}

/// The task that does the I/O of a connection. It is aborted when this is dropped.
struct ConnectionTask(JoinHandle<()>);

impl Drop for ConnectionTask {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl ConnectionSettings {
    /// Reads `REDIS_URL` and `REDIS_AUTH`; for `rediss://` also `TLS_ROOTS`. With `REDIS_AUTH=iam` it also reads
    /// `REDIS_CACHE_NAME`, each connection signs in with a token, and TLS is mandatory.
    pub(super) fn from_env(env: &Env) -> Result<Self, config::Error> {
        let url = env.required(URL)?;
        let without_tls_scheme =
            ["rediss://", "valkeys://"].iter().find_map(|scheme| url.strip_prefix(scheme));
        // The client is compiled without TLS of its own and refuses those schemes.
        let plain = without_tls_scheme.map(|rest| format!("redis://{rest}"));
        let client = Client::open(plain.as_deref().unwrap_or(url))
            .map_err(|_| config::Error::invalid(URL, "is not a Redis URL"))?;
        let signer = TokenSigner::from_env(env, AUTH)?;
        if without_tls_scheme.is_some() {
            let tls = Tls::from_env(env, &client, signer)?;
            return Ok(Self { client, tls: Some(tls) });
        }
        match signer {
            Some(_) => Err(config::Error::invalid(URL, "must begin with rediss://, for tokens are secrets")),
            None => Ok(Self { client, tls: None }),
        }
    }

    /// Opens a connection. A token, if one is needed, is signed for `now`. Has no timeout of its own.
    pub(super) async fn connect(&self, now: SystemTime) -> RedisResult<Connection> {
        match &self.tls {
            None => {
                let client = self.client.get_multiplexed_async_connection_with_config(&config()).await?;
                Ok(Connection { client, _task: None })
            }
            Some(tls) => tls.connect(self.client.get_connection_info().redis_settings(), now).await,
        }
    }
}

impl Tls {
    fn from_env(env: &Env, client: &Client, signer: Option<TokenSigner>) -> Result<Self, config::Error> {
        let info = client.get_connection_info();
        let unusable = || config::Error::invalid(URL, "does not name a host");
        let ConnectionAddr::Tcp(host, port) = info.addr() else { return Err(unusable()) };
        let iam = match signer {
            None => None,
            Some(signer) => Some(IamLogin::from_env(env, signer, info.redis_settings())?),
        };
        Ok(Self {
            connector: Arc::new(tls::config_for_redis(env)?).into(),
            host: host.clone(),
            port: *port,
            name: ServerName::try_from(host.clone()).map_err(|_| unusable())?,
            iam,
        })
    }

    async fn connect(&self, settings: &RedisConnectionInfo, now: SystemTime) -> RedisResult<Connection> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        stream.set_nodelay(true)?;
        let stream = self.connector.connect(self.name.clone(), stream).await?;
        let mut settings = settings.clone();
        if let Some(IamLogin { signer, cache, user }) = &self.iam {
            settings = settings.set_password(signer.redis_token(cache, user, now));
        }
        let (client, io) = MultiplexedConnection::new_with_config(&settings, stream, config()).await?;
        Ok(Connection { client, _task: Some(Arc::new(ConnectionTask(tokio::spawn(io)))) })
    }
}

impl IamLogin {
    fn from_env(
        env: &Env,
        signer: TokenSigner,
        settings: &RedisConnectionInfo,
    ) -> Result<Self, config::Error> {
        let user = settings.username().ok_or_else(|| config::Error::invalid(URL, "does not name a user"))?;
        let cache = env.required(CACHE)?;
        if !is_valid_name(cache) {
            return Err(config::Error::invalid(CACHE, "is not the name of a cache"));
        }
        Ok(Self { signer, cache: cache.to_owned(), user: user.to_owned() })
    }
}

/// Switches the client's own timeouts off: `Redis::run` times each operation, connecting included, and a second timer
/// would cost a second wake-up.
fn config() -> AsyncConnectionConfig {
    AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None)
}
