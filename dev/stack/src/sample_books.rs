// part of books
//! Sample books, for somebody who wants to see lists, filters and pages: the same ones each time.

use tokio_postgres::NoTls;

use crate::{Result, error::Context};

/// One statement, whatever the number: all of it happens or nothing. A hundred thousand books take about ten seconds.
const INSERT: &str = include_str!("sample_books/insert.sql");

/// Inserts `count` books if the database of `url` has none. Returns what was done, as a sentence.
///
/// # Errors
/// If the database does not answer, or refuses the books.
pub async fn insert(url: &str, count: u32) -> Result<String> {
    let (mut client, connection) =
        tokio_postgres::connect(url, NoTls).await.context("connect to Postgres")?;
    tokio::spawn(connection);
    let transaction = client.transaction().await.context("begin a transaction")?;
    let context = || "insert sample books";
    // The role's limit is meant for requests. The lock makes two that see no books wait for each other.
    let prepare = "set local statement_timeout = 0; lock table books in share row exclusive mode";
    transaction.batch_execute(prepare).await.context(context())?;
    let rows = transaction.query("select from books limit 1", &[]).await.context(context())?;
    if !rows.is_empty() {
        return Ok(
            "No sample books: the database has books already, and --fresh begins with none.".to_owned()
        );
    }
    transaction.execute(INSERT, &[&i64::from(count)]).await.context(context())?;
    transaction.commit().await.context(context())?;
    Ok(format!("Sample books: {count}"))
}
