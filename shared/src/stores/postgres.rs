//! Postgres: connections that live with the execution environment and are doubted after a pause.
//!
//! Statements go out as `query_typed`: one round trip, unnamed, so that RDS Proxy or `PgBouncer` can share
//! connections between callers. Nothing here waits longer than [`PATIENCE`].

mod server;

use std::time::{Duration, SystemTime};

use deadpool::managed::{self, Metrics, Pool, RecycleError, RecycleResult};
use tokio::time::timeout;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row};

use crate::config::{self, Env};
use crate::stores::freeze::LastUse;

pub use server::{Driver, Server};

/// The longest that one statement may take, connecting included. The first that takes longer ends its request
/// with a 503, so that a caller hears within two seconds of the store's silence.
pub const PATIENCE: Duration = Duration::from_millis(1500);

/// A connection unused for longer than this is pinged before it is trusted.
const DOUBT_AFTER: Duration = Duration::from_secs(5);
const CONNECT_PATIENCE: Duration = Duration::from_millis(900);
const PING_PATIENCE: Duration = Duration::from_millis(300);

/// A statement's parameter with its type, which `query_typed` sends along.
pub type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

/// A lazy handle to the database; cloning shares the connections.
#[derive(Clone)]
pub struct Postgres {
    pool: Pool<Connector>,
}

/// Why a statement has no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server can't be reached, is too slow, read-only, or refuses work for now.
    #[error("postgres is unavailable: {0}")]
    Unavailable(String),
    /// A row with this key exists. A mistake in this program, unless its statement allows for it.
    #[error("postgres has such a row: {0}")]
    Taken(#[source] tokio_postgres::Error),
    /// The server refused the statement; a mistake in this program.
    #[error("postgres refused a statement: {0}")]
    Refused(#[source] tokio_postgres::Error),
}

impl Postgres {
    /// Reads what [`Server::from_env`] reads and, for the number of connections, `AWS_LAMBDA_MAX_CONCURRENCY` (1
    /// unless set: an execution environment serves one request at a time). Opens no connection.
    pub fn from_env(env: &Env) -> Result<Self, config::Error> {
        let server = Server::from_env(env)?;
        let connections = env.parsed("AWS_LAMBDA_MAX_CONCURRENCY", 1_usize)?.max(1);
        let pool = Pool::builder(Connector { server }).max_size(connections).build();
        Ok(Self { pool: pool.map_err(|error| config::Error::invalid("DATABASE_URL", error))? })
    }

    /// Runs a statement that may safely run twice: it is tried once more when the connection is lost.
    pub async fn read(&self, sql: &str, parameters: &[Parameter<'_>]) -> Result<Vec<Row>, Error> {
        let twice = async {
            match self.once(sql, parameters).await {
                Err(Error::Unavailable(_)) => self.once(sql, parameters).await,
                answer => answer,
            }
        };
        timeout(PATIENCE, twice).await.unwrap_or_else(|_| Err(too_slow()))
    }

    /// Runs a statement that must not run twice. An [`Error::Unavailable`] leaves open whether it ran.
    pub async fn write(&self, sql: &str, parameters: &[Parameter<'_>]) -> Result<Vec<Row>, Error> {
        timeout(PATIENCE, self.once(sql, parameters)).await.unwrap_or_else(|_| Err(too_slow()))
    }

    /// Whether the server answers.
    pub async fn ping(&self) -> Result<(), Error> {
        self.read("select 1", &[]).await.map(drop)
    }

    /// Begins a transaction. It is undone unless [`Transaction::commit`] answers `Ok`.
    pub async fn begin(&self) -> Result<Transaction, Error> {
        let begun = async {
            let mut connection = self.connection().await?;
            connection.batch("begin").await?;
            Ok(Transaction { connection })
        };
        timeout(PATIENCE, begun).await.unwrap_or_else(|_| Err(too_slow()))
    }

    async fn once(&self, sql: &str, parameters: &[Parameter<'_>]) -> Result<Vec<Row>, Error> {
        let mut connection = self.connection().await?;
        connection.trusted = false;
        let answer = connection.client().query_typed(sql, parameters).await;
        connection.settle(answer)
    }

    async fn connection(&self) -> Result<Connection, Error> {
        let pooled = self.pool.get().await.map_err(|error| Error::Unavailable(error.to_string()))?;
        Ok(Connection { pooled: Some(pooled), trusted: true })
    }
}

/// Several statements that happen together or not at all.
///
/// Dropped without [`commit`](Self::commit) or [`roll_back`](Self::roll_back), it closes its connection, which
/// makes the server undo everything.
#[must_use = "a transaction is undone unless it is committed"]
pub struct Transaction {
    connection: Connection,
}

impl Transaction {
    /// Runs one statement inside the transaction.
    pub async fn run(&mut self, sql: &str, parameters: &[Parameter<'_>]) -> Result<Vec<Row>, Error> {
        self.connection.trusted = false;
        let query = self.connection.client().query_typed(sql, parameters);
        let answer = timeout(PATIENCE, query).await.map_err(|_| too_slow())?;
        let answer = self.connection.settle(answer);
        // The connection goes back to the others only through `commit` or `roll_back`.
        self.connection.trusted = false;
        answer
    }

    /// Makes all of it permanent. An error leaves open whether it became so.
    pub async fn commit(mut self) -> Result<(), Error> {
        timeout(PATIENCE, self.connection.batch("commit")).await.unwrap_or_else(|_| Err(too_slow()))
    }

    /// Undoes all of it and keeps the connection.
    pub async fn roll_back(mut self) -> Result<(), Error> {
        timeout(PATIENCE, self.connection.batch("rollback")).await.unwrap_or_else(|_| Err(too_slow()))
    }
}

/// A pooled connection that goes back to the pool only while it is trusted; a future dropped half-way
/// (a timeout) leaves it untrusted.
struct Connection {
    pooled: Option<managed::Object<Connector>>,
    trusted: bool,
}

impl Connection {
    fn client(&self) -> &Client {
        let pooled = self.pooled.as_ref().expect("only `drop` takes the connection out");
        &pooled.client
    }

    async fn batch(&mut self, sql: &'static str) -> Result<(), Error> {
        self.trusted = false;
        let answer = self.client().batch_execute(sql).await;
        self.settle(answer)
    }

    /// Records whether the connection survived `answer`.
    fn settle<T>(&mut self, answer: Result<T, tokio_postgres::Error>) -> Result<T, Error> {
        let answer = answer.map_err(Error::from);
        self.trusted = !matches!(answer, Err(Error::Unavailable(_)));
        if let (true, Some(pooled)) = (self.trusted, self.pooled.as_mut()) {
            pooled.last_use = LastUse::now();
        }
        answer
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let (false, Some(pooled)) = (self.trusted, self.pooled.take()) {
            drop(managed::Object::take(pooled));
        }
    }
}

/// Opens and re-checks connections for the pool.
struct Connector {
    server: Server,
}

/// An open connection and the task that moves its bytes, which ends with it.
struct Session {
    client: Client,
    _driver: Driver,
    last_use: LastUse,
}

impl managed::Manager for Connector {
    type Type = Session;
    type Error = Error;

    async fn create(&self) -> Result<Session, Error> {
        let connected = timeout(CONNECT_PATIENCE, self.server.connect(SystemTime::now())).await;
        let (client, driver) = connected.map_err(|_| too_slow())??;
        Ok(Session { client, _driver: driver, last_use: LastUse::now() })
    }

    async fn recycle(&self, session: &mut Session, _: &Metrics) -> RecycleResult<Error> {
        if session.client.is_closed() {
            return Err(RecycleError::message("closed by the server"));
        }
        if session.last_use.is_older_than(DOUBT_AFTER) {
            let ping = timeout(PING_PATIENCE, session.client.batch_execute("")).await;
            ping.map_err(|_| RecycleError::message("no answer after a pause"))?
                .map_err(|error| RecycleError::Backend(error.into()))?;
            session.last_use = LastUse::now();
        }
        Ok(())
    }
}

impl From<tokio_postgres::Error> for Error {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(refusal) = error.as_db_error() else { return Self::Unavailable(error.to_string()) };
        if is_passing(refusal.code()) {
            Self::Unavailable(refusal.message().to_owned())
        } else if *refusal.code() == SqlState::UNIQUE_VIOLATION {
            Self::Taken(error)
        } else {
            Self::Refused(error)
        }
    }
}

/// Refusals that say something about the server's state and nothing about the statement.
fn is_passing(code: &SqlState) -> bool {
    // Class 08: connection; 53: resources, too many connections; 57: shutdown, start-up, statement timeout.
    matches!(code.code().get(..2), Some("08" | "53" | "57"))
        || [
            &SqlState::READ_ONLY_SQL_TRANSACTION,
            &SqlState::LOCK_NOT_AVAILABLE,
            &SqlState::T_R_DEADLOCK_DETECTED,
            &SqlState::T_R_SERIALIZATION_FAILURE,
        ]
        .contains(&code)
}

fn too_slow() -> Error {
    Error::Unavailable("no answer in time".to_owned())
}
