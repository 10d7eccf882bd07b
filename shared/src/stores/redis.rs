//! Redis: one multiplexed connection that lives as long as the execution environment.
//!
//! The first command opens the connection, and every clone of [`Redis`] shares it. After an idle period it is pinged
//! before its next use, since it may have died while the process was frozen. A lost connection is replaced once, within
//! the timeout of the command. Redis makes responses faster and limits exact, but no data is stored there alone:
//! so timeouts are short, a failure is the ordinary result [`Unavailable`], and each module that uses Redis has a
//! policy for it. A request that ran into the timeout once gets [`Unavailable`] at once from then on, instead of
//! waiting again.

mod settings;

use std::cell::Cell;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ::redis::aio::MultiplexedConnection;
use ::redis::{ErrorKind, RedisError, RedisResult, ServerErrorKind};
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::config::{self, Env};
use crate::stores::freeze::FreezeAwareInstant;

use settings::{Connection, ConnectionSettings};

/// The timeout of an operation in milliseconds, connecting and one retry included, where `REDIS_PATIENCE_MS` is not
/// set.
const DEFAULT_TIMEOUT_MS: u64 = 100;

/// A connection that was idle for this long or longer is pinged before its next use.
const IDLE_CHECK_AFTER: Duration = Duration::from_secs(5);
const PING_TIMEOUT: Duration = Duration::from_millis(40);

tokio::task_local! {
    /// True once an operation of this request has run into the timeout.
    static TIMED_OUT: Cell<bool>;
}

/// Runs one request. Of its operations on Redis at most one waits for the whole timeout; later ones fail at once.
///
/// A task-local and not an argument: the middleware enters it, and it reaches every operation below through handlers
/// and layers that know nothing of it. It holds across awaits, but not in a task that the request spawns.
pub async fn within_request<T>(request: impl Future<Output = T>) -> T {
    TIMED_OUT.scope(Cell::new(false), request).await
}

/// A lazy handle to Redis; cloning shares the connection.
#[derive(Clone)]
pub struct Redis {
    inner: Arc<Inner>,
}

struct Inner {
    settings: ConnectionSettings,
    key_prefix: String,
    timeout: Duration,
    /// The open connection, and when it was last known to work.
    connection: Mutex<Option<(Connection, FreezeAwareInstant)>>,
}

/// Redis gave no usable response in time.
#[derive(Debug, thiserror::Error)]
#[error("redis is unavailable: {0}")]
pub struct Unavailable(String);

impl Redis {
    /// Reads `REDIS_URL`, `REDIS_AUTH` and what they require (see `redis/settings.rs`), `REDIS_KEY_PREFIX` (default
    /// `bookshelf:`) and `REDIS_PATIENCE_MS`: the timeout of an operation in milliseconds, 10 to 1000 (default 100).
    /// Opens no connection.
    pub fn from_env(env: &Env) -> Result<Self, config::Error> {
        let settings = ConnectionSettings::from_env(env)?;
        let key_prefix = env.optional("REDIS_KEY_PREFIX").unwrap_or("bookshelf:").to_owned();
        let timeout_ms = env.parsed("REDIS_PATIENCE_MS", DEFAULT_TIMEOUT_MS)?;
        if !(10..=1000).contains(&timeout_ms) {
            return Err(config::Error::invalid("REDIS_PATIENCE_MS", "is not from 10 to 1000"));
        }
        let timeout = Duration::from_millis(timeout_ms);
        Ok(Self { inner: Arc::new(Inner { settings, key_prefix, timeout, connection: Mutex::default() }) })
    }

    /// The full name of a key, with the prefix of this deployment.
    #[must_use]
    pub fn key(&self, name: &str) -> String {
        format!("{}{name}", self.inner.key_prefix)
    }

    /// Runs `operation` on the connection. It runs a second time when the connection turns out to be lost, so it must
    /// be harmless to repeat.
    pub async fn run<T, F, Fut>(&self, operation: F) -> Result<T, Unavailable>
    where
        F: Fn(MultiplexedConnection) -> Fut,
        Fut: Future<Output = RedisResult<T>>,
    {
        if TIMED_OUT.try_with(Cell::get).unwrap_or(false) {
            return Err(Unavailable("kept this request waiting before".to_owned()));
        }
        let with_retry = async {
            match self.run_once(&operation).await {
                Err(error) if needs_new_connection(&error) => self.run_once(&operation).await,
                result => result,
            }
        };
        if let Ok(result) = timeout(self.inner.timeout, with_retry).await {
            return result.map_err(|error| Unavailable(error.to_string()));
        }
        // If the lock is taken, somebody is opening a new connection already; waiting for that would be waiting twice.
        if let Ok(mut connection) = self.inner.connection.try_lock() {
            *connection = None;
        }
        let _ = TIMED_OUT.try_with(|timed_out| timed_out.set(true));
        Err(Unavailable("no answer in time".to_owned()))
    }

    /// Checks that the server responds.
    pub async fn ping(&self) -> Result<(), Unavailable> {
        self.run(|mut connection| async move { ::redis::cmd("PING").query_async(&mut connection).await })
            .await
    }

    async fn run_once<T, F, Fut>(&self, operation: &F) -> RedisResult<T>
    where
        F: Fn(MultiplexedConnection) -> Fut,
        Fut: Future<Output = RedisResult<T>>,
    {
        // Stays in a variable until the operation is over, because the connection closes with its last clone.
        let connection = self.connection().await?;
        let result = operation(connection.client.clone()).await;
        let mut open = self.inner.connection.lock().await;
        match (&result, open.as_mut()) {
            (Err(error), _) if needs_new_connection(error) => *open = None,
            (_, Some((_, last_used))) => *last_used = FreezeAwareInstant::now(),
            (_, None) => {}
        }
        result
    }

    /// Returns the open connection, checked if it was idle, or opens a new one.
    async fn connection(&self) -> RedisResult<Connection> {
        let mut open = self.inner.connection.lock().await;
        if let Some((connection, last_used)) = open.as_mut() {
            if !last_used.is_older_than(IDLE_CHECK_AFTER) {
                return Ok(connection.clone());
            }
            if responds_to_ping(&mut connection.client).await {
                *last_used = FreezeAwareInstant::now();
                return Ok(connection.clone());
            }
        }
        let connection = self.inner.settings.connect(SystemTime::now()).await?;
        *open = Some((connection.clone(), FreezeAwareInstant::now()));
        Ok(connection)
    }
}

async fn responds_to_ping(client: &mut MultiplexedConnection) -> bool {
    let ping = ::redis::cmd("PING");
    timeout(PING_TIMEOUT, ping.query_async::<()>(client)).await.is_ok_and(|result| result.is_ok())
}

/// Tells whether a new connection may succeed: this one is lost, or it leads to a server that takes no writes now, a
/// former primary after a failover for instance.
fn needs_new_connection(error: &RedisError) -> bool {
    const NOT_WRITABLE: [ErrorKind; 3] = [
        ErrorKind::Server(ServerErrorKind::ReadOnly),
        ErrorKind::Server(ServerErrorKind::MasterDown),
        ErrorKind::Server(ServerErrorKind::BusyLoading),
    ];
    error.is_io_error() || error.is_unrecoverable_error() || NOT_WRITABLE.contains(&error.kind())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_takes_no_writes_calls_for_a_new_connection() {
        for (kind, needed) in [
            (ErrorKind::Server(ServerErrorKind::ReadOnly), true),
            (ErrorKind::Server(ServerErrorKind::MasterDown), true),
            (ErrorKind::Server(ServerErrorKind::BusyLoading), true),
            (ErrorKind::Io, true),
            (ErrorKind::Server(ServerErrorKind::ResponseError), false),
            (ErrorKind::UnexpectedReturnType, false),
        ] {
            assert_eq!(needs_new_connection(&RedisError::from((kind, "it said so"))), needed, "{kind:?}");
        }
    }
}
