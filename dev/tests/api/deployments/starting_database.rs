//! A paused database, for which every task waits.

use std::time::Duration;

use serde_json::json;
use testkit::TestContext;
use testkit::users::sign_up;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::sleep;

use super::{handle, start};
use crate::support::postgres_messages::{fatal, through};

/// Returns the address of a server in front of `database`. It refuses connections for a second, closes the next two,
/// tells the two after them that the database is starting, and forwards all later ones.
async fn starting_database(database: &str) -> String {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let (address, database) = (socket.local_addr().unwrap().to_string(), database.to_owned());
    tokio::spawn(async move {
        sleep(Duration::from_secs(1)).await;
        let listener = socket.listen(16).unwrap();
        for nth in 0.. {
            let (mut client, _) = listener.accept().await.unwrap();
            if (2..4).contains(&nth) {
                let _ = client.read(&mut [0; 1024]).await;
                client.write_all(&fatal("57P03", "the database system is starting up")).await.unwrap();
            } else if nth >= 4 {
                let mut server = TcpStream::connect(&database).await.unwrap();
                tokio::spawn(async move { copy_bidirectional(&mut client, &mut server).await });
            }
        }
    });
    address
}

#[tokio::test]
async fn every_task_waits_for_a_starting_database() {
    let context = TestContext::new().await;
    sign_up(&context, "ada").await;
    let tasks = [
        json!({"task": "migrate"}),
        json!({"task": "migrate", "dry_run": true}),
        json!({"task": "purge"}),
        json!({"task": "set_role", "username": "ada", "role": "admin"}),
        json!({"detail-type": "Scheduled Event", "source": "aws.events"}),
    ];
    let waiting = tasks.map(|task| {
        let context = context.clone();
        tokio::spawn(async move {
            let maintenance = start(&through(context, starting_database).await).await;
            maintenance.invoke(&task.to_string()).await.unwrap();
            let log = maintenance.log();
            for reason in
                ["waiting for the database", "postgres: the database system is starting up (SQLSTATE 57P03)"]
            {
                assert!(log.contains(reason), "{reason}: {log}");
            }
            assert!(!log.contains("db error"), "{log}");
        })
    });
    let maintenance = start(&through(context, starting_database).await).await;
    let migrated = handle(&maintenance, "Create", json!({"Task": "migrate"})).await;
    assert_eq!((&migrated["Status"], &migrated["Data"]), (&json!("SUCCESS"), &json!({"Applied": ""})));
    for task in waiting {
        task.await.unwrap();
    }
}
