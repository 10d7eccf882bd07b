//! Postgres: a pool of connections that live as long as the execution environment.
//!
//! The pool opens a connection with the first statement and keeps it for later invocations. A connection that was idle
//! for a while is pinged before its next use, since it may have died while the process was frozen. One that fails or
//! times out is closed instead of returned. Statements go out as `query_typed`: one round trip and no prepared
//! statement, so that RDS Proxy or `PgBouncer` can share connections between clients. No statement waits longer than
//! [`STATEMENT_TIMEOUT`]; a request that gets [`Error::Unavailable`] is answered with 503.

mod error;
mod pool;
mod settings;

use std::time::Duration;

use deadpool::managed::Pool;
use tokio::time::timeout;
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use crate::config::{self, Env};

pub use error::Error;
pub use settings::{ConnectionSettings, ConnectionTask};

use pool::{ConnectionManager, PooledConnection};

/// The longest that one statement may take, connecting included. A statement that takes longer ends its request with
/// a 503, so that a client learns of an unavailable database within two seconds.
pub const STATEMENT_TIMEOUT: Duration = Duration::from_millis(1500);

/// A statement's parameter with its type, which `query_typed` sends along.
pub type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

/// A lazy handle to the database; cloning shares the connections.
#[derive(Clone)]
pub struct Postgres {
    pool: Pool<ConnectionManager>,
}

impl Postgres {
    /// Reads what [`ConnectionSettings::from_env`] reads and, for the number of connections,
    /// `AWS_LAMBDA_MAX_CONCURRENCY` (1 unless set: an execution environment serves one request at a time). Opens no
    /// connection.
    pub fn from_env(env: &Env) -> Result<Self, config::Error> {
        let settings = ConnectionSettings::from_env(env)?;
        let connections = env.parsed("AWS_LAMBDA_MAX_CONCURRENCY", 1_usize)?.max(1);
        let pool = Pool::builder(ConnectionManager::new(settings)).max_size(connections).build();
        Ok(Self { pool: pool.map_err(|error| config::Error::invalid("DATABASE_URL", error))? })
    }

    /// Runs a statement that may safely run twice: it is tried once more when the connection is lost.
    pub async fn read(&self, sql: &str, parameters: &[Parameter<'_>]) -> Result<Vec<Row>, Error> {
        let with_retry = async {
            match self.run_once(sql, parameters).await {
                Err(Error::Unavailable(_)) => self.run_once(sql, parameters).await,
                result => result,
            }
        };
        timeout(STATEMENT_TIMEOUT, with_retry).await.unwrap_or_else(|_| Err(Error::timed_out()))
    }

    /// Runs a statement that must not run twice. After an [`Error::Unavailable`] it is unknown whether it ran.
    pub async fn write(&self, sql: &str, parameters: &[Parameter<'_>]) -> Result<Vec<Row>, Error> {
        let run = self.run_once(sql, parameters);
        timeout(STATEMENT_TIMEOUT, run).await.unwrap_or_else(|_| Err(Error::timed_out()))
    }

    /// Checks that the server responds.
    pub async fn ping(&self) -> Result<(), Error> {
        self.read("select 1", &[]).await.map(drop)
    }

    /// Begins a transaction. It is rolled back unless [`Transaction::commit`] returns `Ok`.
    pub async fn begin(&self) -> Result<Transaction, Error> {
        let begin = async {
            let mut connection = PooledConnection::from_pool(&self.pool).await?;
            connection.batch("begin").await?;
            // With a transaction open, the connection returns to the pool only through `commit` or `roll_back`.
            connection.close_on_drop();
            Ok(Transaction { connection })
        };
        timeout(STATEMENT_TIMEOUT, begin).await.unwrap_or_else(|_| Err(Error::timed_out()))
    }

    async fn run_once(&self, sql: &str, parameters: &[Parameter<'_>]) -> Result<Vec<Row>, Error> {
        PooledConnection::from_pool(&self.pool).await?.query(sql, parameters).await
    }
}

/// Several statements that take effect together or not at all.
///
/// Dropped without [`commit`](Self::commit) or [`roll_back`](Self::roll_back), it closes its connection, which makes
/// the server roll back.
#[must_use = "a transaction is rolled back unless it is committed"]
pub struct Transaction {
    connection: PooledConnection,
}

impl Transaction {
    /// Runs one statement inside the transaction.
    pub async fn run(&mut self, sql: &str, parameters: &[Parameter<'_>]) -> Result<Vec<Row>, Error> {
        let result = timeout(STATEMENT_TIMEOUT, self.connection.query(sql, parameters)).await;
        // The statement marked the connection as reusable.
        self.connection.close_on_drop();
        result.unwrap_or_else(|_| Err(Error::timed_out()))
    }

    /// Commits the transaction. After an error it is unknown whether it was committed.
    pub async fn commit(mut self) -> Result<(), Error> {
        self.end("commit").await
    }

    /// Rolls the transaction back and returns the connection to the pool.
    pub async fn roll_back(mut self) -> Result<(), Error> {
        self.end("rollback").await
    }

    async fn end(&mut self, sql: &'static str) -> Result<(), Error> {
        timeout(STATEMENT_TIMEOUT, self.connection.batch(sql))
            .await
            .unwrap_or_else(|_| Err(Error::timed_out()))
    }
}
