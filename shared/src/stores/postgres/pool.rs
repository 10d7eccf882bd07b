//! The connections of an execution environment: how they are opened, checked before use, and returned or closed after
//! it.
//!
//! There are as many as requests are served at a time, one unless `AWS_LAMBDA_MAX_CONCURRENCY` says otherwise. They are
//! opened one after the other, in a task that outlives the request which needs one; a request takes what it gets first,
//! a connection that another request returns or the new one.
//!
//! Every statement first marks its connection as not reusable and marks it reusable again when the server has
//! responded. So a future that is dropped half-way, by a timeout for instance, closes the connection instead of
//! returning it with an unread response.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_postgres::Client;

use super::error::Error;
use super::settings::{ConnectionSettings, ConnectionTask};
use crate::stores::describe::describe;
use crate::stores::freeze::FreezeAwareInstant;
use crate::stores::opener::{Attempt, Opener};

/// A connection that was idle for this long or longer is pinged before its next use.
const IDLE_CHECK_AFTER: Duration = Duration::from_secs(5);
const PING_TIMEOUT: Duration = Duration::from_millis(300);

/// The age at which an attempt to connect is given up: longer than a paused database usually takes to wake.
const ATTEMPT_LIMIT: Duration = Duration::from_secs(20);

/// How long a request waits for a connection that is in use before it begins to open another: most are back sooner than
/// a new one is open, and each costs the server memory.
const RETURN_TIMEOUT: Duration = Duration::from_millis(25);

/// The connections; clones share them.
#[derive(Clone)]
pub(super) struct Pool {
    shared: Arc<Shared>,
    /// One permit for each connection that there may be.
    permits: Arc<Semaphore>,
    opener: Arc<Opener>,
}

struct Shared {
    settings: ConnectionSettings,
    connections: Mutex<Connections>,
    /// Wakes one request when a connection is returned.
    returned: Notify,
}

#[derive(Default)]
struct Connections {
    /// Those that no request uses, the last used at the end.
    idle: Vec<OpenConnection>,
    in_use: usize,
}

/// An open connection, and the task that does its I/O and ends with it.
struct OpenConnection {
    client: Client,
    _task: ConnectionTask,
    last_used: FreezeAwareInstant,
}

/// A connection taken from the pool. Dropped while it is reusable it returns to the pool, otherwise it is closed.
pub(super) struct PooledConnection {
    connection: Option<OpenConnection>,
    reusable: bool,
    shared: Arc<Shared>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Pool {
    /// A pool of at most `size` connections. Opens none.
    pub(super) fn new(settings: ConnectionSettings, size: usize) -> Self {
        let shared = Shared { settings, connections: Mutex::default(), returned: Notify::new() };
        Self {
            shared: Arc::new(shared),
            permits: Arc::new(Semaphore::new(size)),
            opener: Arc::new(Opener::new(ATTEMPT_LIMIT)),
        }
    }

    /// Opens a connection, if none is open, and returns when it is open or refused.
    pub(super) async fn connect(&self) -> Result<(), Error> {
        let is_open = {
            let connections = self.shared.connections();
            !connections.idle.is_empty() || connections.in_use > 0
        };
        if is_open { Ok(()) } else { self.join_attempt().ended().await.map_err(Error::Unavailable) }
    }

    /// Takes an open connection, or waits for one.
    pub(super) async fn get(&self) -> Result<PooledConnection, Error> {
        let permit = self.permits.clone().acquire_owned().await;
        let permit = permit.map_err(|closed| Error::Unavailable(closed.to_string()))?;
        let opens_another_at = Instant::now() + RETURN_TIMEOUT;
        loop {
            while let Some(mut connection) = PooledConnection::take(&self.shared) {
                if connection.is_usable().await {
                    connection.permit = Some(permit);
                    return Ok(connection);
                }
            }
            let returned = self.shared.returned.notified();
            if self.shared.connections().in_use > 0 && timeout_at(opens_another_at, returned).await.is_ok() {
                continue;
            }
            tokio::select! {
                ended = self.join_attempt().ended() => ended.map_err(Error::Unavailable)?,
                () = self.shared.returned.notified() => {}
            }
        }
    }

    /// Waits for the attempt to connect that is under way, or begins one.
    fn join_attempt(&self) -> Attempt {
        self.opener.join(|| {
            let shared = self.shared.clone();
            async move {
                let connected = shared.settings.connect(SystemTime::now()).await;
                let connected = connected.map_err(|error| describe(&error));
                let (client, task) =
                    connected.inspect_err(|error| tracing::warn!(%error, "no connection to Postgres"))?;
                let last_used = FreezeAwareInstant::now();
                shared.connections().idle.push(OpenConnection { client, _task: task, last_used });
                Ok(())
            }
        })
    }
}

impl Shared {
    fn connections(&self) -> MutexGuard<'_, Connections> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PooledConnection {
    fn take(shared: &Arc<Shared>) -> Option<Self> {
        let mut connections = shared.connections();
        let connection = connections.idle.pop()?;
        connections.in_use += 1;
        Some(Self { connection: Some(connection), reusable: true, shared: shared.clone(), permit: None })
    }

    /// Tells whether the connection works, and pings it if it was idle. One that does not is closed when it is dropped.
    async fn is_usable(&mut self) -> bool {
        let Some(connection) = self.connection.as_mut() else { return false };
        self.reusable = false;
        if connection.client.is_closed() {
            return false;
        }
        if connection.last_used.is_older_than(IDLE_CHECK_AFTER) {
            let ping = timeout(PING_TIMEOUT, connection.client.batch_execute("")).await;
            if !ping.is_ok_and(|answer| answer.is_ok()) {
                return false;
            }
            connection.last_used = FreezeAwareInstant::now();
        }
        self.reusable = true;
        true
    }

    /// Runs `operation` and returns its result. The connection is reusable afterwards unless it turned out to be lost.
    pub(super) async fn run<T>(
        &mut self,
        operation: impl AsyncFnOnce(&Client) -> Result<T, tokio_postgres::Error>,
    ) -> Result<T, Error> {
        let connection = self.connection.as_mut().expect("only `drop` takes the connection out");
        self.reusable = false;
        let result = operation(&connection.client).await.map_err(Error::from);
        if !matches!(result, Err(Error::Unavailable(_))) {
            self.reusable = true;
            connection.last_used = FreezeAwareInstant::now();
        }
        result
    }

    /// Closes the connection when it is dropped, unless another operation succeeds before.
    pub(super) fn close_on_drop(&mut self) {
        self.reusable = false;
    }
}

impl Drop for PooledConnection {
    fn drop(&mut self) {
        let mut connections = self.shared.connections();
        connections.in_use -= 1;
        if let Some(connection) = self.connection.take().filter(|_| self.reusable) {
            connections.idle.push(connection);
            self.shared.returned.notify_one();
        }
    }
}
