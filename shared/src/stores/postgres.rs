//! Postgres: a pool of connections that live as long as the execution environment.
//!
//! The first connection is opened when the environment starts, in a task that outlives whoever waits for it, and serves
//! later invocations too. A connection that was idle for a while is pinged before its next use, since it may have died
//! while the process was frozen. One that fails or times out is closed instead of returned. Statements go out as
//! `query_typed`: one round trip and no prepared statement, so that RDS Proxy or `PgBouncer` can share connections
//! between clients. No statement waits longer than [`STATEMENT_TIMEOUT`]; a request that gets [`Error::Unavailable`] or
//! [`Error::TooSlow`] is answered with 503.

mod error;
mod pool;
mod settings;
mod statement;
mod transaction;

use tokio_postgres::Row;

use crate::config::{self, Env};

pub use error::Error;
pub use settings::{ConnectionSettings, ConnectionTask};
pub use statement::{Parameter, STATEMENT_TIMEOUT, Statement};
pub use transaction::Transaction;

use pool::Pool;
use statement::{in_time, with_retry};

/// A handle to the database; cloning shares the connections.
#[derive(Clone)]
pub struct Postgres {
    pool: Pool,
}

impl Postgres {
    /// Reads what [`ConnectionSettings::from_env`] reads and, for the number of connections,
    /// `AWS_LAMBDA_MAX_CONCURRENCY` (1 unless set: an execution environment serves one request at a time). Opens no
    /// connection.
    pub fn from_env(env: &Env) -> Result<Self, config::Error> {
        let settings = ConnectionSettings::from_env(env)?;
        let connections = env.parsed("AWS_LAMBDA_MAX_CONCURRENCY", 1_usize)?.max(1);
        Ok(Self { pool: Pool::new(settings, connections) })
    }

    /// Opens a connection, if none is open, and returns when it is open or refused.
    pub async fn connect(&self) -> Result<(), Error> {
        self.pool.connect().await
    }

    /// Runs a statement that may safely run twice: it is tried once more when the connection is lost.
    pub async fn read(&self, sql: &str, parameters: &[Parameter<'_>]) -> Result<Vec<Row>, Error> {
        with_retry(|| self.run_once(sql, parameters)).await
    }

    /// Runs a statement that must not run twice. After an [`Error::Unavailable`] it is unknown whether it ran.
    pub async fn write(&self, sql: &str, parameters: &[Parameter<'_>]) -> Result<Vec<Row>, Error> {
        in_time(self.run_once(sql, parameters)).await
    }

    /// Begins a transaction and runs `statements` in it, in one round trip. Returns the rows of each. Nothing takes
    /// effect before the commit, so all of it is tried once more when the connection is lost.
    pub async fn begin_with<const N: usize>(
        &self,
        statements: [Statement<'_>; N],
    ) -> Result<(Transaction, [Vec<Row>; N]), Error> {
        with_retry(|| Transaction::begin(&self.pool, &statements)).await
    }

    /// Runs `statements` in one transaction, in one round trip, and returns the rows of each. After an
    /// [`Error::Unavailable`] it is unknown whether it was committed; after any other error it was not.
    pub async fn transact<const N: usize>(
        &self,
        statements: [Statement<'_>; N],
    ) -> Result<[Vec<Row>; N], Error> {
        in_time(transaction::run(&self.pool, &statements)).await
    }

    /// Checks that the server answers a statement and takes writes.
    pub async fn check(&self) -> Result<(), Error> {
        const SQL: &str = "select current_setting('transaction_read_only')";
        let rows = self.read(SQL, &[]).await?;
        match rows.first().map(|row| row.get::<_, &str>(0)) {
            Some("off") => Ok(()),
            _ => Err(Error::Unavailable("the server is read-only".to_owned())),
        }
    }

    async fn run_once(&self, sql: &str, parameters: &[Parameter<'_>]) -> Result<Vec<Row>, Error> {
        let mut connection = self.pool.get().await?;
        connection.run(async |client| client.query_typed(sql, parameters).await).await
    }
}
