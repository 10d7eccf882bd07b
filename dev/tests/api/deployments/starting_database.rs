//! A paused database that has to start before a deployment can migrate it.

use serde_json::json;
use testkit::TestContext;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use super::{handle, start};

/// Returns the address of a server in front of `database`. It closes the first two connections, tells the next two
/// that the database is starting, and forwards all later ones.
async fn starting_database(database: &str) -> String {
    const STARTING: &[u8] = b"SFATAL\0VFATAL\0C57P03\0Mthe database system is starting up\0\0";
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, database) = (listener.local_addr().unwrap().to_string(), database.to_owned());
    tokio::spawn(async move {
        for nth in 0.. {
            let (mut client, _) = listener.accept().await.unwrap();
            if (2..4).contains(&nth) {
                let length = u32::try_from(STARTING.len() + 4).unwrap().to_be_bytes();
                let _ = client.read(&mut [0; 1024]).await;
                client.write_all(&[b"E", &length[..], STARTING].concat()).await.unwrap();
            } else if nth >= 4 {
                let mut server = TcpStream::connect(&database).await.unwrap();
                tokio::spawn(async move { copy_bidirectional(&mut client, &mut server).await });
            }
        }
    });
    address
}

#[tokio::test]
async fn a_deployment_waits_for_a_starting_database_and_a_direct_task_fails_at_once() {
    let context = TestContext::new().await;
    let url = context.variable("DATABASE_URL").to_owned();
    let database = url.split(['@', '/']).nth(3).unwrap();
    let starting = url.replace(database, &starting_database(database).await);
    let maintenance = start(&context.with("DATABASE_URL", &starting)).await;
    let refused = maintenance.invoke(r#"{"task":"migrate"}"#).await.unwrap_err();
    assert!(refused.error_message.starts_with("postgres: "), "{refused}");
    let migrated = handle(&maintenance, "Create", json!({"Task": "migrate"})).await;
    assert_eq!((&migrated["Status"], &migrated["Data"]), (&json!("SUCCESS"), &json!({"Applied": ""})));
}
