//! Redis: one multiplexed connection that lives with the execution environment and is doubted after a pause.
//!
//! Redis makes answers faster and limits exact; nothing is kept there alone. So every trip is short, and a failure
//! is an ordinary outcome that each caller has a policy for.

mod server;

use std::cell::Cell;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ::redis::aio::MultiplexedConnection;
use ::redis::{ErrorKind, RedisError, RedisResult, ServerErrorKind};
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::config::{self, Env};
use crate::stores::freeze::LastUse;

use server::{Link, Server};

/// The longest that one trip may take, connecting and one retry included, where `REDIS_PATIENCE_MS` is not set.
const DEFAULT_PATIENCE_MS: u64 = 100;

/// A connection unused for longer than this is pinged before it is trusted.
const DOUBT_AFTER: Duration = Duration::from_secs(5);
const PING_PATIENCE: Duration = Duration::from_millis(40);

tokio::task_local! {
    /// Whether Redis has kept this request waiting in vain.
    static KEPT_WAITING: Cell<bool>;
}

/// Runs one request. It may make several trips, and shall wait for a silent Redis only once.
pub async fn within_request<T>(request: impl Future<Output = T>) -> T {
    KEPT_WAITING.scope(Cell::new(false), request).await
}

/// A lazy handle to Redis; cloning shares the connection.
#[derive(Clone)]
pub struct Redis {
    handle: Arc<Handle>,
}

struct Handle {
    server: Server,
    prefix: String,
    patience: Duration,
    open: Mutex<Option<(Link, LastUse)>>,
}

/// Redis gave no usable answer in time.
#[derive(Debug, thiserror::Error)]
#[error("redis is unavailable: {0}")]
pub struct Unavailable(String);

impl Redis {
    /// Reads `REDIS_URL` and `REDIS_AUTH` (see `redis/server.rs`), `REDIS_KEY_PREFIX` (default `bookshelf:`) and `REDIS_PATIENCE_MS`: the longest that one
    /// trip may take, 10 to 1000 (default 100). Opens no connection.
    pub fn from_env(env: &Env) -> Result<Self, config::Error> {
        let server = Server::from_env(env)?;
        let prefix = env.optional("REDIS_KEY_PREFIX").unwrap_or("bookshelf:").to_owned();
        let patience = env.parsed("REDIS_PATIENCE_MS", DEFAULT_PATIENCE_MS)?;
        if !(10..=1000).contains(&patience) {
            return Err(config::Error::invalid("REDIS_PATIENCE_MS", "is not from 10 to 1000"));
        }
        let patience = Duration::from_millis(patience);
        Ok(Self { handle: Arc::new(Handle { server, prefix, patience, open: Mutex::default() }) })
    }

    /// The full name of a key, the prefix of this deployment included.
    #[must_use]
    pub fn key(&self, name: &str) -> String {
        format!("{}{name}", self.handle.prefix)
    }

    /// Runs `trip` on the connection. It runs a second time when the connection turns out to be dead, so
    /// doing it twice must do no harm.
    pub async fn run<T, F, Fut>(&self, trip: F) -> Result<T, Unavailable>
    where
        F: Fn(MultiplexedConnection) -> Fut,
        Fut: Future<Output = RedisResult<T>>,
    {
        if KEPT_WAITING.try_with(Cell::get).unwrap_or(false) {
            return Err(Unavailable("kept this request waiting before".to_owned()));
        }
        let twice = async {
            match self.once(&trip).await {
                Err(error) if lost_connection(&error) => self.once(&trip).await,
                answer => answer,
            }
        };
        if let Ok(answer) = timeout(self.handle.patience, twice).await {
            return answer.map_err(|error| Unavailable(error.to_string()));
        }
        // Who holds the lock is opening a new connection already; waiting for that would be waiting twice.
        if let Ok(mut open) = self.handle.open.try_lock() {
            *open = None;
        }
        let _ = KEPT_WAITING.try_with(|kept_waiting| kept_waiting.set(true));
        Err(Unavailable("no answer in time".to_owned()))
    }

    /// Whether the server answers.
    pub async fn ping(&self) -> Result<(), Unavailable> {
        self.run(|mut connection| async move { ::redis::cmd("PING").query_async(&mut connection).await })
            .await
    }

    async fn once<T, F, Fut>(&self, trip: &F) -> RedisResult<T>
    where
        F: Fn(MultiplexedConnection) -> Fut,
        Fut: Future<Output = RedisResult<T>>,
    {
        // Kept until the trip is over: with the last link the connection ends.
        let link = self.link().await?;
        let answer = trip(link.connection.clone()).await;
        let mut open = self.handle.open.lock().await;
        match (&answer, open.as_mut()) {
            (Err(error), _) if lost_connection(error) => *open = None,
            (_, Some((_, last_use))) => *last_use = LastUse::now(),
            (_, None) => {}
        }
        answer
    }

    async fn link(&self) -> RedisResult<Link> {
        let mut open = self.handle.open.lock().await;
        if let Some((link, last_use)) = open.as_mut() {
            if !last_use.is_older_than(DOUBT_AFTER) {
                return Ok(link.clone());
            }
            if answers(&mut link.connection).await {
                *last_use = LastUse::now();
                return Ok(link.clone());
            }
        }
        let link = self.handle.server.connect(SystemTime::now()).await?;
        *open = Some((link.clone(), LastUse::now()));
        Ok(link)
    }
}

async fn answers(connection: &mut MultiplexedConnection) -> bool {
    let ping = ::redis::cmd("PING");
    timeout(PING_PATIENCE, ping.query_async::<()>(connection)).await.is_ok_and(|answer| answer.is_ok())
}

/// Whether a new connection may do better: this one is dead, or leads to a server that is no longer the one
/// that takes writes.
fn lost_connection(error: &RedisError) -> bool {
    const DEMOTED: [ErrorKind; 3] = [
        ErrorKind::Server(ServerErrorKind::ReadOnly),
        ErrorKind::Server(ServerErrorKind::MasterDown),
        ErrorKind::Server(ServerErrorKind::BusyLoading),
    ];
    error.is_io_error() || error.is_unrecoverable_error() || DEMOTED.contains(&error.kind())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_takes_no_writes_is_left_for_a_new_connection() {
        for (kind, lost) in [
            (ErrorKind::Server(ServerErrorKind::ReadOnly), true),
            (ErrorKind::Server(ServerErrorKind::MasterDown), true),
            (ErrorKind::Server(ServerErrorKind::BusyLoading), true),
            (ErrorKind::Io, true),
            (ErrorKind::Server(ServerErrorKind::ResponseError), false),
            (ErrorKind::UnexpectedReturnType, false),
        ] {
            assert_eq!(lost_connection(&RedisError::from((kind, "it said so"))), lost, "{kind:?}");
        }
    }
}
