//! The books that all subjects have in their databases.

use stack::{Context as _, Result};
use testkit::connect;

/// Inserts `$1` books. One in eight titles contains "darkness", and each title contains another number. There are 5,000
/// authors and 125 years, and one book in fifty has no year.
const BOOKS: &str = "
    insert into books (title, author, year, description)
    select
        (array['The Left Hand of Darkness', 'A Wizard of Earthsea', 'The Word for World', 'Rocannon''s World',
               'The Dispossessed', 'Planet of Exile', 'The Lathe of Heaven', 'City of Illusions'])[1 + n % 8]
            || ' ' || n,
        'Author ' || (n::bigint * 7919 % 5000),
        case when n % 50 = 0 then null else 1900 + n::bigint * 31 % 125 end,
        'The ' || n || 'th book of a shelf that is long enough to be measured.'
    from generate_series(1, $1::integer) as n
    order by n";

/// Inserts this many books. The indexes are built afterwards, which is faster.
pub(super) async fn insert(url: &str, books: u32) -> Result<()> {
    let client = connect(url).await;
    client
        .batch_execute("set maintenance_work_mem = '256MB'")
        .await
        .context("raise the memory for building indexes")?;
    let indexes =
        "select indexname, indexdef from pg_indexes where tablename = 'books' and indexname <> 'books_pkey'";
    let indexes = client.query(indexes, &[]).await.context("list indexes")?;
    for index in &indexes {
        let name: &str = index.get(0);
        client.batch_execute(&format!("drop index {name}")).await.context("drop an index")?;
    }
    let count = i32::try_from(books).context("count books")?;
    client.execute(BOOKS, &[&count]).await.context("insert books")?;
    for index in &indexes {
        client.batch_execute(index.get(1)).await.context("build an index")?;
    }
    client.batch_execute("vacuum analyze books").await.context("analyze books")
}
