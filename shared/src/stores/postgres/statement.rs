//! Statements: their parameters, how long they may take, and when they are sent again.

use std::future::Future;
use std::time::Duration;

use tokio::time::timeout;
use tokio_postgres::types::{ToSql, Type};

use super::error::Error;

/// The longest that one statement may take, connecting included. A statement that takes longer ends its request with
/// a 503, so that a client learns of an unavailable database within two seconds.
pub const STATEMENT_TIMEOUT: Duration = Duration::from_millis(1500);

/// A statement's parameter with its type, which `query_typed` sends along.
pub type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

/// A statement and its parameters.
pub type Statement<'a> = (&'a str, &'a [Parameter<'a>]);

/// Runs `operation`, and once more if its connection turns out to be lost, both within [`STATEMENT_TIMEOUT`].
pub(super) async fn with_retry<T, Run>(operation: impl Fn() -> Run) -> Result<T, Error>
where
    Run: Future<Output = Result<T, Error>>,
{
    in_time(async {
        match operation().await {
            Err(Error::Unavailable(_)) => operation().await,
            result => result,
        }
    })
    .await
}

/// Gives `operation` as long as a statement may take.
pub(super) async fn in_time<T>(operation: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    timeout(STATEMENT_TIMEOUT, operation).await.unwrap_or_else(|_| Err(Error::timed_out()))
}
