//! The connection settings of Redis, and how a connection is opened from them: with or without TLS, with a password or
//! an IAM token.
//!
//! This module opens the stream itself. The client of the `redis` crate would parse every certificate authority of the
//! system at each connection with TLS, also when it is told which to trust. So this module also runs the task that does
//! the connection's I/O, and aborts it with the last clone of the [`Connection`].

use std::sync::Arc;
use std::time::SystemTime;

use ::redis::aio::MultiplexedConnection;
use ::redis::{AsyncConnectionConfig, Client, ConnectionAddr, RedisConnectionInfo, RedisResult};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::AbortHandle;
use tokio_rustls::TlsConnector;

use crate::config::{self, Env};
use crate::stores::iam::{TokenSigner, is_valid_name};
use crate::stores::{tcp, tls};

const URL: &str = "REDIS_URL";
const AUTH: &str = "REDIS_AUTH";
const CACHE: &str = "REDIS_CACHE_NAME";

/// Address, user, TLS and authentication, as `REDIS_URL` and `REDIS_AUTH` say.
pub(super) struct ConnectionSettings {
    host: String,
    port: u16,
    login: RedisConnectionInfo,
    /// `None` where the URL does not require it.
    tls: Option<Tls>,
    iam: Option<IamLogin>,
}

/// The settings of TLS.
struct Tls {
    connector: TlsConnector,
    name: ServerName<'static>,
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
    task: Arc<ConnectionTask>,
}

/// The task that does the I/O of a connection. It is aborted when this is dropped.
struct ConnectionTask(AbortHandle);

impl Drop for ConnectionTask {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Connection {
    /// Whether both are clones of one connection.
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.task, &other.task)
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
        let info = client.get_connection_info();
        let unusable = || config::Error::invalid(URL, "does not name a host");
        let ConnectionAddr::Tcp(host, port) = info.addr() else { return Err(unusable()) };
        let login = info.redis_settings().clone();
        let signer = TokenSigner::from_env(env, AUTH)?;
        let (tls, iam) = match (without_tls_scheme, signer) {
            (None, None) => (None, None),
            (None, Some(_)) => {
                return Err(config::Error::invalid(URL, "must begin with rediss://, for tokens are secrets"));
            }
            (Some(_), signer) => {
                let iam = signer.map(|signer| IamLogin::from_env(env, signer, &login)).transpose()?;
                let connector = Arc::new(tls::config_for_redis(env)?).into();
                let name = ServerName::try_from(host.clone()).map_err(|_| unusable())?;
                (Some(Tls { connector, name }), iam)
            }
        };
        Ok(Self { host: host.clone(), port: *port, login, tls, iam })
    }

    /// Opens a connection. A token, if one is needed, is signed for `now`. Signing in has no timeout of its own.
    pub(super) async fn connect(&self, now: SystemTime) -> RedisResult<Connection> {
        let stream = tcp::connect(&self.host, self.port).await?;
        match &self.tls {
            None => self.sign_in(stream, now).await,
            Some(Tls { connector, name }) => {
                let stream = connector.connect(name.clone(), stream).await?;
                self.sign_in(stream, now).await
            }
        }
    }

    async fn sign_in<S>(&self, stream: S, now: SystemTime) -> RedisResult<Connection>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let mut login = self.login.clone();
        if let Some(IamLogin { signer, cache, user }) = &self.iam {
            login = login.set_password(signer.redis_token(cache, user, now));
        }
        let (client, io) = MultiplexedConnection::new_with_config(&login, stream, config()).await?;
        Ok(Connection { client, task: Arc::new(ConnectionTask(tokio::spawn(io).abort_handle())) })
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
