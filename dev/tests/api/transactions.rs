//! Transactions of [`Postgres`] never return a connection to the pool while they are open.

use shared::stores::postgres::Postgres;
use testkit::TestContext;

#[tokio::test]
async fn a_transaction_dropped_before_its_first_statement_leaves_none_open_in_the_pool() {
    let context = TestContext::new().await;
    // The pool has one connection, which the write would get if the transaction had returned it.
    let postgres = Postgres::from_env(&context.env()).unwrap();
    drop(postgres.begin_with([]).await.unwrap());
    postgres.write("insert into probe_notes (text) values ('T')", &[]).await.unwrap();
    let database = context.database().await;
    let committed = database.query_one("select count(*) from probe_notes", &[]).await.unwrap();
    assert_eq!(committed.get::<_, i64>(0), 1, "another connection sees the row");
}
