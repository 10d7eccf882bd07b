//! Redis: one multiplexed connection that lives as long as the execution environment.
//!
//! Every clone of [`Redis`] shares the connection. It is opened in a task of its own, so a slow sign-in outlives the
//! request that began it. After an idle period, or after an operation that got no answer in time, it is pinged before
//! its next use: it may have died while the process was frozen. A lost connection is replaced within the timeout of the
//! operation that found it. Redis makes responses faster and limits exact, but no data is stored there alone: so
//! timeouts are short, a failure is the ordinary result [`Unavailable`], and each module that uses Redis has a policy
//! for it. An operation that nothing can replace waits longer for the connection: see [`Redis::required`]. A request
//! that ran into the short timeout once gets [`Unavailable`] at once from then on, instead of waiting again.

mod script;
mod settings;

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::{Duration, SystemTime};

use ::redis::{ErrorKind, FromRedisValue, RedisError, RedisResult, ServerErrorKind, cmd};
use tokio::task::yield_now;
use tokio::time::{Instant, timeout, timeout_at};
use tracing::Instrument as _;

use crate::config::{self, Env};
use crate::stores::freeze::FreezeAwareInstant;
use crate::stores::opener::{Attempt, Opener};

pub use script::{Script, ScriptCall};
use settings::{Connection, ConnectionSettings};

/// The timeout of an operation in milliseconds, one retry included, where `REDIS_PATIENCE_MS` is not set.
const DEFAULT_TIMEOUT_MS: u64 = 100;

/// How long a [required](Redis::required) operation waits for a connection that is being opened.
const REQUIRED_CONNECTION_TIMEOUT: Duration = Duration::from_millis(1400);

/// The age at which an attempt to connect is given up: far longer than a sign-in with an IAM token takes.
const ATTEMPT_LIMIT: Duration = Duration::from_secs(5);

/// A connection that was idle for this long or longer is pinged before its next use.
const IDLE_CHECK_AFTER: Duration = Duration::from_secs(5);
const PING_TIMEOUT: Duration = Duration::from_millis(40);

/// Does what every script does: writes a key, and reads the clock from its expiry.
static CHECK: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "redis.call('SET', KEYS[1], '', 'PX', 1000) \
         return redis.call('PEXPIRETIME', KEYS[1]) > 0 and redis.status_reply('OK')",
    )
});

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

/// A handle to Redis; cloning shares the connection.
#[derive(Clone)]
pub struct Redis {
    inner: Arc<Inner>,
    /// How long an operation waits for a connection that is being opened; `None` for a part of its timeout.
    connection_timeout: Option<Duration>,
}

struct Inner {
    settings: Arc<ConnectionSettings>,
    key_prefix: String,
    timeout: Duration,
    opener: Opener,
    open: Arc<OpenSlot>,
}

/// The open connection, if there is one.
type OpenSlot = Mutex<Option<OpenConnection>>;

#[derive(Clone)]
struct OpenConnection {
    connection: Connection,
    /// When it was last known to work; `None` if an operation got no answer since.
    last_used: Option<FreezeAwareInstant>,
}

/// Redis gave no usable response in time.
#[derive(Debug, thiserror::Error)]
#[error("redis is unavailable: {0}")]
pub struct Unavailable(String);

impl Redis {
    /// Reads `REDIS_URL`, `REDIS_AUTH` and what they require (see `redis/settings.rs`), `REDIS_KEY_PREFIX` (default
    /// `<STACK_NAME>:`) and `REDIS_PATIENCE_MS`: the timeout of an operation in milliseconds, 10 to 5000 (default 100).
    /// Opens no connection.
    pub fn from_env(env: &Env) -> Result<Self, config::Error> {
        let settings = Arc::new(ConnectionSettings::from_env(env)?);
        let default_prefix = format!("{}:", env.stack_name()?);
        let key_prefix = env.optional("REDIS_KEY_PREFIX").map_or(default_prefix, str::to_owned);
        let timeout_ms = env.parsed("REDIS_PATIENCE_MS", DEFAULT_TIMEOUT_MS)?;
        if !(10..=5000).contains(&timeout_ms) {
            return Err(config::Error::invalid("REDIS_PATIENCE_MS", "is not from 10 to 5000"));
        }
        let timeout = Duration::from_millis(timeout_ms);
        let (opener, open) = (Opener::new(ATTEMPT_LIMIT), Arc::default());
        let inner = Arc::new(Inner { settings, key_prefix, timeout, opener, open });
        Ok(Self { inner, connection_timeout: None })
    }

    /// The same handle for operations without which a request fails: each waits up to 1.4 s for a connection that is
    /// being opened, and then as long as any operation for its answer.
    #[must_use]
    pub fn required(&self) -> Self {
        Self { inner: self.inner.clone(), connection_timeout: Some(REQUIRED_CONNECTION_TIMEOUT) }
    }

    /// Opens the connection, if none is open, and returns when it is open or refused.
    pub async fn connect(&self) -> Result<(), Unavailable> {
        if self.inner.slot().is_some() {
            return Ok(());
        }
        self.inner.join_attempt().ended().await.map_err(Unavailable)
    }

    /// The full name of a key, with the prefix of this deployment.
    #[must_use]
    pub fn key(&self, name: &str) -> String {
        format!("{}{name}", self.inner.key_prefix)
    }

    /// Runs a script. It runs a second time when the connection turns out to be lost, so it must be harmless to repeat.
    pub async fn run<T: FromRedisValue>(&self, call: &ScriptCall<'_>) -> Result<T, Unavailable> {
        if self.connection_timeout.is_none() && TIMED_OUT.try_with(Cell::get).unwrap_or(false) {
            return Err(Unavailable("kept this request waiting before".to_owned()));
        }
        let began = Instant::now();
        let until_connected = began + self.connection_timeout.unwrap_or(self.inner.timeout);
        let result = match self.run_once(call, began, until_connected).await {
            Err(Failure::ConnectionLost(_)) => self.run_once(call, began, until_connected).await,
            result => result,
        };
        result.map_err(|failure| {
            if matches!(failure, Failure::TimedOut) {
                let _ = TIMED_OUT.try_with(|timed_out| timed_out.set(true));
            }
            Unavailable(failure.to_string())
        })
    }

    /// Runs a script whose result nobody needs. Its bytes are on their way when this returns; a failure is logged as
    /// `failure`. The process may be frozen before the answer arrives: the next request reads it.
    pub async fn run_in_background(&self, call: ScriptCall<'static>, failure: &'static str) {
        let redis = self.clone();
        let mut running = Box::pin(async move {
            if let Err(error) = redis.run::<()>(&call).await {
                tracing::warn!(%error, "{failure}");
            }
        });
        // The first poll hands the bytes to the connection's task, and yielding lets that task write them.
        if poll_fn(|context| Poll::Ready(running.as_mut().poll(context))).await.is_pending() {
            tokio::spawn(running.in_current_span());
            yield_now().await;
        }
    }

    /// Checks that the server does what scripts ask of it, on a key beside the counts of the quota `default`: whoever
    /// checks may write there.
    pub async fn check(&self) -> Result<(), Unavailable> {
        self.run(&CHECK.call(&[self.key("limit:default:check")])).await
    }

    async fn run_once<T: FromRedisValue>(
        &self,
        call: &ScriptCall<'_>,
        began: Instant,
        until_connected: Instant,
    ) -> Result<T, Failure> {
        let inner = &self.inner;
        let connecting = timeout_at(until_connected, inner.connection());
        let mut connection = connecting.await.map_err(|_| Failure::TimedOut)??;
        // An operation that waited for its connection has the whole timeout for its answer, unless waiting was a part
        // of that.
        let from = if self.connection_timeout.is_some() { Instant::now() } else { began };
        match timeout_at(from + inner.timeout, call.send(&mut connection.client)).await {
            Ok(Err(error)) if needs_new_connection(&error) => {
                inner.replace(&connection);
                Err(Failure::ConnectionLost(error))
            }
            Ok(result) => {
                inner.mark(&connection, Some(FreezeAwareInstant::now()));
                result.map_err(Failure::Refused)
            }
            Err(_) => {
                inner.mark(&connection, None);
                Err(Failure::TimedOut)
            }
        }
    }
}

/// Why an operation has no result.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("no answer in time")]
    TimedOut,
    #[error("{0}")]
    NotConnected(String),
    #[error(transparent)]
    ConnectionLost(RedisError),
    #[error(transparent)]
    Refused(RedisError),
}

impl Inner {
    /// Returns the open connection, checked if it is in doubt, or waits for a new one.
    async fn connection(&self) -> Result<Connection, Failure> {
        loop {
            let open = self.slot().clone();
            match open {
                Some(OpenConnection { connection, last_used: Some(at) })
                    if !at.is_older_than(IDLE_CHECK_AFTER) =>
                {
                    return Ok(connection);
                }
                Some(OpenConnection { mut connection, .. }) => {
                    if responds_to_ping(&mut connection).await {
                        self.mark(&connection, Some(FreezeAwareInstant::now()));
                        return Ok(connection);
                    }
                    self.replace(&connection);
                }
                None => self.join_attempt().ended().await.map_err(Failure::NotConnected)?,
            }
        }
    }

    /// Waits for the attempt to connect that is under way, or begins one.
    fn join_attempt(&self) -> Attempt {
        self.opener.join(|| {
            let (settings, slot) = (self.settings.clone(), self.open.clone());
            async move {
                let connected = settings.connect(SystemTime::now()).await.map_err(|error| error.to_string());
                let connection =
                    connected.inspect_err(|error| tracing::warn!(%error, "no connection to Redis"))?;
                let last_used = Some(FreezeAwareInstant::now());
                *lock(&slot) = Some(OpenConnection { connection, last_used });
                Ok(())
            }
        })
    }

    /// Closes this connection and begins to open another, unless that has happened already.
    fn replace(&self, lost: &Connection) {
        let mut slot = self.slot();
        if slot.as_ref().is_some_and(|open| open.connection.is(lost)) {
            *slot = None;
            drop(slot);
            self.join_attempt();
        }
    }

    /// Notes when this connection was last known to work.
    fn mark(&self, connection: &Connection, last_used: Option<FreezeAwareInstant>) {
        if let Some(open) = self.slot().as_mut().filter(|open| open.connection.is(connection)) {
            open.last_used = last_used;
        }
    }

    fn slot(&self) -> MutexGuard<'_, Option<OpenConnection>> {
        lock(&self.open)
    }
}

fn lock(slot: &OpenSlot) -> MutexGuard<'_, Option<OpenConnection>> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn responds_to_ping(connection: &mut Connection) -> bool {
    let ping = cmd("PING");
    let ping: Result<RedisResult<()>, _> =
        timeout(PING_TIMEOUT, ping.query_async(&mut connection.client)).await;
    ping.is_ok_and(|result| result.is_ok())
}

/// Tells whether a new connection may succeed: this one is lost, or it leads to a server that takes no writes now, a
/// former primary after a failover for instance. Redis before 7 reports that within the error of a script.
fn needs_new_connection(error: &RedisError) -> bool {
    const NOT_WRITABLE: [ErrorKind; 3] = [
        ErrorKind::Server(ServerErrorKind::ReadOnly),
        ErrorKind::Server(ServerErrorKind::MasterDown),
        ErrorKind::Server(ServerErrorKind::BusyLoading),
    ];
    error.is_io_error()
        || error.is_unrecoverable_error()
        || NOT_WRITABLE.contains(&error.kind())
        || error.detail().is_some_and(|detail| detail.contains("-READONLY "))
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

    #[test]
    fn a_read_only_server_is_recognised_within_the_error_of_a_script() {
        // As Redis 6.2 reports it.
        let text = "Error running script (call to f_d0d2): @user_script:1: @user_script: 1: \
            -READONLY You can't write against a read only replica. ";
        let error = ::redis::make_extension_error("ERR".to_owned(), Some(text.to_owned()));
        assert!(needs_new_connection(&error), "{error}");
        let other = ::redis::make_extension_error("ERR".to_owned(), Some("READONLY is a word".to_owned()));
        assert!(!needs_new_connection(&other));
    }
}
