//! Transactions whose statements travel together: one round trip begins a transaction and runs its first statements,
//! another one runs its last statement and commits.
//!
//! The server runs the statements in order, and each sees what was committed before it began. If one fails, it refuses
//! those behind it, and a `commit` behind it rolls back.

use futures_util::future::{join, join_all};
use tokio_postgres::{Client, Row};

use super::error::Error;
use super::pool::{Pool, PooledConnection};
use super::statement::{Statement, in_time};

/// A transaction after its first statements.
///
/// Dropped without [`commit_with`](Self::commit_with) or [`roll_back`](Self::roll_back), it closes its connection,
/// which makes the server roll back.
#[must_use = "a transaction is rolled back unless it is committed"]
pub struct Transaction {
    connection: PooledConnection,
}

impl Transaction {
    /// Begins a transaction and runs `statements` in it, in one round trip.
    pub(super) async fn begin<const N: usize>(
        pool: &Pool,
        statements: &[Statement<'_>; N],
    ) -> Result<(Self, [Vec<Row>; N]), Error> {
        let mut connection = pool.get().await?;
        let rows = connection.run(async |client| begin(client, statements).await).await;
        // With a transaction open, the connection returns to the pool only through its end.
        connection.close_on_drop();
        Ok((Self { connection }, in_array(rows?)))
    }

    /// Runs one more statement and commits, in one round trip. After an [`Error::Unavailable`] it is unknown whether
    /// the transaction was committed; after any other error it was not.
    pub async fn commit_with(mut self, (sql, parameters): Statement<'_>) -> Result<Vec<Row>, Error> {
        let commit = self.connection.run(async |client| {
            let (rows, committed) =
                join(client.query_typed(sql, parameters), client.batch_execute("commit")).await;
            let rows = rows?;
            committed.map(|()| rows)
        });
        in_time(commit).await
    }

    /// Rolls the transaction back and returns the connection to the pool.
    pub async fn roll_back(mut self) -> Result<(), Error> {
        in_time(self.connection.run(async |client| client.batch_execute("rollback").await)).await
    }
}

/// Runs a whole transaction in one round trip.
pub(super) async fn run<const N: usize>(
    pool: &Pool,
    statements: &[Statement<'_>; N],
) -> Result<[Vec<Row>; N], Error> {
    let mut connection = pool.get().await?;
    let rows = connection.run(async |client| {
        let (rows, committed) = join(begin(client, statements), client.batch_execute("commit")).await;
        let rows = rows?;
        committed.map(|()| rows)
    });
    rows.await.map(in_array)
}

/// Sends `begin` and the statements behind it.
async fn begin(
    client: &Client,
    statements: &[Statement<'_>],
) -> Result<Vec<Vec<Row>>, tokio_postgres::Error> {
    // The first poll of each future sends its statement, and they are polled in this order.
    let queries = statements.iter().map(|(sql, parameters)| client.query_typed(sql, parameters));
    let (begun, rows) = join(client.batch_execute("begin"), join_all(queries)).await;
    begun?;
    rows.into_iter().collect()
}

/// The rows of each statement; there is a result for each.
fn in_array<const N: usize>(rows: Vec<Vec<Row>>) -> [Vec<Row>; N] {
    let mut rows = rows.into_iter();
    std::array::from_fn(|_| rows.next().unwrap_or_default())
}
