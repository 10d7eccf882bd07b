//! The pooled connections: how they are opened, checked before use, and returned or closed after it.
//!
//! Every statement first marks its connection as not reusable and marks it reusable again when the server has
//! responded. So a future that is dropped half-way, by a timeout for instance, closes the connection instead of
//! returning it with an unread response.

use std::time::{Duration, SystemTime};

use deadpool::managed::{self, Metrics, Pool, RecycleError, RecycleResult};
use tokio::time::timeout;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row};

use super::error::Error;
use super::settings::{ConnectionSettings, ConnectionTask};
use crate::stores::freeze::FreezeAwareInstant;

/// A connection that was idle for this long or longer is pinged before its next use.
const IDLE_CHECK_AFTER: Duration = Duration::from_secs(5);
const CONNECT_TIMEOUT: Duration = Duration::from_millis(900);
const PING_TIMEOUT: Duration = Duration::from_millis(300);

/// Opens connections for the pool, and checks idle ones.
pub(super) struct ConnectionManager {
    settings: ConnectionSettings,
}

/// An open connection, and the task that does its I/O and ends with it.
pub(super) struct OpenConnection {
    client: Client,
    _task: ConnectionTask,
    last_used: FreezeAwareInstant,
}

/// A connection taken from the pool. Dropped while it is reusable it returns to the pool, otherwise it is closed.
pub(super) struct PooledConnection {
    object: Option<managed::Object<ConnectionManager>>,
    reusable: bool,
}

impl ConnectionManager {
    pub(super) fn new(settings: ConnectionSettings) -> Self {
        Self { settings }
    }
}

impl managed::Manager for ConnectionManager {
    type Type = OpenConnection;
    type Error = Error;

    async fn create(&self) -> Result<OpenConnection, Error> {
        let connected = timeout(CONNECT_TIMEOUT, self.settings.connect(SystemTime::now())).await;
        let (client, task) = connected.map_err(|_| Error::timed_out())??;
        Ok(OpenConnection { client, _task: task, last_used: FreezeAwareInstant::now() })
    }

    async fn recycle(&self, connection: &mut OpenConnection, _: &Metrics) -> RecycleResult<Error> {
        if connection.client.is_closed() {
            return Err(RecycleError::message("closed by the server"));
        }
        if connection.last_used.is_older_than(IDLE_CHECK_AFTER) {
            let ping = timeout(PING_TIMEOUT, connection.client.batch_execute("")).await;
            ping.map_err(|_| RecycleError::message("no answer after a pause"))?
                .map_err(|error| RecycleError::Backend(error.into()))?;
            connection.last_used = FreezeAwareInstant::now();
        }
        Ok(())
    }
}

impl PooledConnection {
    pub(super) async fn from_pool(pool: &Pool<ConnectionManager>) -> Result<Self, Error> {
        let object = pool.get().await.map_err(|error| Error::Unavailable(error.to_string()))?;
        Ok(Self { object: Some(object), reusable: true })
    }

    pub(super) async fn query(
        &mut self,
        sql: &str,
        parameters: &[(&(dyn ToSql + Sync), Type)],
    ) -> Result<Vec<Row>, Error> {
        self.reusable = false;
        let result = self.client().query_typed(sql, parameters).await;
        self.note_result(result)
    }

    pub(super) async fn batch(&mut self, sql: &'static str) -> Result<(), Error> {
        self.reusable = false;
        let result = self.client().batch_execute(sql).await;
        self.note_result(result)
    }

    /// Closes the connection when it is dropped, unless another statement succeeds before.
    pub(super) fn close_on_drop(&mut self) {
        self.reusable = false;
    }

    fn client(&self) -> &Client {
        let object = self.object.as_ref().expect("only `drop` takes the connection out");
        &object.client
    }

    /// Marks the connection as reusable unless `result` says that it is lost.
    fn note_result<T>(&mut self, result: Result<T, tokio_postgres::Error>) -> Result<T, Error> {
        let result = result.map_err(Error::from);
        self.reusable = !matches!(result, Err(Error::Unavailable(_)));
        if let (true, Some(object)) = (self.reusable, self.object.as_mut()) {
            object.last_used = FreezeAwareInstant::now();
        }
        result
    }
}

impl Drop for PooledConnection {
    fn drop(&mut self) {
        if let (false, Some(object)) = (self.reusable, self.object.take()) {
            drop(managed::Object::take(object));
        }
    }
}
