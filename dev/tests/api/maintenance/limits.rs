//! The limits that roles and databases have for requests do not count for tasks.

use serde_json::json;
use testkit::TestContext;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use super::{DRY_RUN, MIGRATE, names, process};
use crate::support::migrations::{empty_database, lock_migrations, migrate, until_migrations_wait};
use crate::support::postgres_messages::{fatal, through};

/// Limits that end every statement that waits, and every connection that is idle.
const LIMITS: [&str; 5] = [
    "statement_timeout",
    "lock_timeout",
    "idle_in_transaction_session_timeout",
    "idle_session_timeout",
    "transaction_timeout",
];

#[tokio::test]
async fn a_task_is_not_cut_off_by_limits_of_its_role() {
    let context = TestContext::new().await;
    empty_database(&context).await;
    let lock = lock_migrations(&context).await;
    for limit in LIMITS {
        let set = "
            select format('alter role %I in database %I set %I = ''5ms''', current_user, current_database(), name)
            from pg_settings where name = $1";
        // The last one is unknown to servers before Postgres 17.
        if let Some(set) = lock.query_opt(set, &[&limit]).await.unwrap() {
            lock.batch_execute(set.get(0)).await.unwrap();
        }
    }
    let maintenance = process(&context).await;
    let migrating = tokio::spawn(migrate(maintenance.clone()));
    until_migrations_wait(&lock, 1).await;
    // Far longer than the limits.
    lock.batch_execute("select pg_sleep(0.1)").await.unwrap();
    drop(lock);
    let report = migrating.await.unwrap().unwrap();
    assert_eq!(report["applied"], json!(names()));
    maintenance.invoke(r#"{"task":"purge"}"#).await.unwrap();
}

/// The address of a server in front of `database` that knows no `transaction_timeout`, as Postgres before 17.
async fn old_server(database: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, database) = (listener.local_addr().unwrap().to_string(), database.to_owned());
    tokio::spawn(async move {
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            let mut startup = vec![0; 1024];
            let length = client.read(&mut startup).await.unwrap();
            startup.truncate(length);
            if String::from_utf8_lossy(&startup).contains("transaction_timeout") {
                let refusal = fatal("42704", "unrecognized configuration parameter \"transaction_timeout\"");
                client.write_all(&refusal).await.unwrap();
                continue;
            }
            let mut server = TcpStream::connect(&database).await.unwrap();
            server.write_all(&startup).await.unwrap();
            tokio::spawn(async move { copy_bidirectional(&mut client, &mut server).await });
        }
    });
    address
}

#[tokio::test]
async fn a_server_that_does_not_know_the_newest_limit_is_migrated_too() {
    let context = through(TestContext::new().await, old_server).await;
    let maintenance = process(&context).await;
    for task in [MIGRATE, DRY_RUN] {
        let nothing = json!({"task": "migrate", "applied": [], "pending": []});
        assert_eq!(maintenance.invoke(task).await.unwrap(), nothing);
    }
}
