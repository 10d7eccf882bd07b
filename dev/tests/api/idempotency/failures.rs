//! Idempotent writes despite failures: processes that are killed or frozen, and a `DynamoDB` that is stopped,
//! unresponsive, throttled, emptied or holds invalid records.

use std::time::Duration;

use stack::environment::ExecutionEnvironment;
use testkit::proxy::{Mode, Proxy};
use testkit::records::Records;
use testkit::users::{TestUser, sign_up};
use testkit::{Client, TestContext};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_postgres::Client as Database;

use super::{
    assert_in_progress, assert_replayed, assert_reused, begin, context, count, create, note, records,
    the_record,
};
use crate::support::clients::probe;
use crate::support::locks::until_lock_is_awaited;
use crate::support::responses::assert_problem;

/// Returns when the database has a note.
async fn until_a_note_exists(database: &Database) {
    let query = "select exists (select from probe_notes)";
    let appearing = async {
        while !database.query_one(query, &[]).await.unwrap().get::<_, bool>(0) {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(10), appearing).await.expect("a note in time");
}

#[tokio::test]
async fn a_retry_gets_the_response_of_a_process_that_was_killed_after_its_commit() {
    let (context, records) = context().await;
    let ada = sign_up(&context, "ada").await;
    let other = probe(&context);
    let mut database = context.database().await;
    let (context, proxy) = Proxy::replacing_url(context, "AWS_ENDPOINT_URL_DYNAMODB").await;
    let killed = ExecutionEnvironment::start("probe", context.variables()).await.unwrap();
    let lock = database.transaction().await.unwrap();
    lock.batch_execute("lock table probe_notes in exclusive mode").await.unwrap();
    let request = begin(&Client::of(killed.clone()), &ada);
    until_lock_is_awaited(&lock, "probe_notes").await;
    // The claim is stored. From here on nothing reaches the table.
    proxy.set(Mode::Swallowing);
    lock.commit().await.unwrap();
    until_a_note_exists(&database).await;
    killed.kill().await;
    assert!(request.await.is_err(), "the client gets no response");

    assert_in_progress(&create(&other, &ada, "k", &note("T")).await);
    records.set_number("in_progress_expiration", 1).await.unwrap();
    let retry = create(&other, &ada, "k", &note("T")).await;
    assert_eq!((retry.status, retry.header("idempotency-replayed")), (201, Some("true")), "{}", retry.text());
    let found = other.get(retry.header("location").unwrap()).send().await;
    assert_eq!((found.text(), found.header("etag")), (retry.text(), retry.header("etag")));
    assert_replayed(&create(&other, &ada, "k", &note("T")).await, &retry);
    assert_eq!(count(&context, "probe_notes").await, 1);
    assert_eq!(the_record(&records).await["status"], "COMPLETED");
}

#[tokio::test]
async fn an_owner_that_lost_its_claim_changes_nothing() {
    let (context, records) = context().await;
    let ada = sign_up(&context, "ada").await;
    let other = probe(&context);
    let mut database = context.database().await;
    let frozen = ExecutionEnvironment::start("probe", context.variables()).await.unwrap();
    let lock = database.transaction().await.unwrap();
    lock.batch_execute("lock table probe_notes in exclusive mode").await.unwrap();
    let request = begin(&Client::of(frozen.clone()), &ada);
    until_lock_is_awaited(&lock, "probe_notes").await;
    frozen.freeze();
    let first = the_record(&records).await;
    lock.commit().await.unwrap();
    until_a_note_exists(&database).await;
    records.set_number("in_progress_expiration", 1).await.unwrap();
    let second = create(&other, &ada, "k", &note("T")).await;
    assert_eq!((second.status, second.header("idempotency-replayed")), (201, Some("true")));
    let completed = the_record(&records).await;
    assert!(completed["owner"] != first["owner"] && completed["status"] == "COMPLETED", "{completed:?}");

    frozen.thaw();
    // Its statement timed out while it was frozen, or it did not; in both cases the record has another owner.
    let late = request.await.unwrap();
    assert!([201, 503].contains(&late.status), "{}", late.text());
    assert!(frozen.log().contains("another owner"), "{}", frozen.log());
    assert_eq!(the_record(&records).await, completed);
    assert_eq!(count(&context, "probe_notes").await, 1);
}

#[tokio::test]
async fn a_server_error_is_not_stored() {
    let (context, records) = context().await;
    let ada = sign_up(&context, "ada").await;
    let database = context.database().await;
    let name: String = database.query_one("select current_database()", &[]).await.unwrap().get(0);
    let read_only = format!("alter database {name} set default_transaction_read_only");
    database.batch_execute(&format!("{read_only} = on")).await.unwrap();
    assert_problem(&create(&probe(&context), &ada, "k", &note("T")).await, 503);
    assert_eq!(records.all().await.unwrap().len(), 0);
    database
        .batch_execute(&format!("set default_transaction_read_only = off; {read_only} = off"))
        .await
        .unwrap();
    let created = create(&probe(&context), &ada, "k", &note("T")).await;
    assert_eq!((created.status, created.header("idempotency-replayed")), (201, None));
}

#[tokio::test]
async fn a_write_that_happened_despite_a_503_is_not_executed_again() {
    let (context, records) = context().await;
    let ada = sign_up(&context, "ada").await;
    let mut database = context.database().await;
    let seen = context.variable("DATABASE_URL").to_owned();
    let (context, proxy) = Proxy::replacing_url(context, "DATABASE_URL").await;
    let probe = probe(&context);
    let context = context.with("DATABASE_URL", &seen);
    let lock = database.transaction().await.unwrap();
    lock.batch_execute("lock table probe_notes in exclusive mode").await.unwrap();
    let request = begin(&probe, &ada);
    until_lock_is_awaited(&lock, "probe_notes").await;
    proxy.set(Mode::Swallowing);
    lock.commit().await.unwrap();
    until_a_note_exists(&database).await;
    assert_problem(&request.await.unwrap(), 503);
    assert_eq!(records.all().await.unwrap().len(), 0);
    proxy.set(Mode::Open);
    let retry = create(&probe, &ada, "k", &note("T")).await;
    assert_eq!((retry.status, retry.header("idempotency-replayed")), (201, Some("true")), "{}", retry.text());
    assert_replayed(&create(&probe, &ada, "k", &note("T")).await, &retry);
    assert_eq!(count(&context, "probe_notes").await, 1);
}

/// Creates a note under the unused `key` and retries it while `DynamoDB` is unusable: it is created once.
async fn assert_idempotent_without_dynamodb(
    context: &TestContext,
    clients: &[Client; 2],
    user: &TestUser,
    key: &str,
) {
    let before = count(context, "probe_notes").await;
    let note_of_key = note(key);
    let creating = create(&clients[0], user, key, &note_of_key);
    let first = timeout(Duration::from_secs(10), creating).await.expect("a response in time");
    assert_eq!(first.status, 201, "{key}: {}", first.text());
    assert_replayed(&create(&clients[1], user, key, &note(key)).await, &first);
    assert_reused(&create(&clients[0], user, key, &note("other")).await);
    assert_eq!(count(context, "probe_notes").await, before + 1, "{key}");
}

#[tokio::test]
async fn writes_work_without_a_stopped_or_unresponsive_dynamodb_and_use_it_again_at_once() {
    let (context, records) = context().await;
    let ada = sign_up(&context, "ada").await;
    let (context, proxy) = Proxy::replacing_url(context, "AWS_ENDPOINT_URL_DYNAMODB").await;
    let clients = [probe(&context), probe(&context)];
    for (key, state) in [("stopped", Mode::Closed), ("unresponsive", Mode::Swallowing)] {
        proxy.set(state);
        assert_idempotent_without_dynamodb(&context, &clients, &ada, key).await;
        // A claim that arrived only now would be a request in progress.
        proxy.forget_connections();
        proxy.set(Mode::Open);
        assert_eq!(
            create(&clients[0], &ada, key, &note(key)).await.header("idempotency-replayed"),
            Some("true")
        );
        assert_eq!(the_record(&records).await["status"], "COMPLETED", "{key}");
        records.delete_all().await.unwrap();
    }
}

#[tokio::test]
async fn writes_work_while_dynamodb_throttles() {
    let context = TestContext::new().await.with("AWS_ENDPOINT_URL_DYNAMODB", &throttling_dynamodb().await);
    let ada = sign_up(&context, "ada").await;
    assert_idempotent_without_dynamodb(&context, &[probe(&context), probe(&context)], &ada, "throttled")
        .await;
}

/// The address of a `DynamoDB` that throttles every request.
async fn throttling_dynamodb() -> String {
    const BODY: &str = r#"{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException","message":"Too much."}"#;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let length = BODY.len();
    let refusal = format!(
        "HTTP/1.1 400 Bad Request\r\ncontent-type: application/x-amz-json-1.0\r\ncontent-length: {length}\r\n\
         connection: close\r\n\r\n{BODY}"
    );
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let _ = client.read(&mut [0; 8192]).await;
            let _ = client.write_all(refusal.as_bytes()).await;
        }
    });
    url
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_dynamodb_one_of_ten_concurrent_requests_is_executed_and_all_get_its_response() {
    let context = TestContext::new().await.with("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:9");
    let ada = sign_up(&context, "ada").await;
    let environments: Vec<_> = (0..4).map(|_| probe(&context)).collect();
    let mut requests = JoinSet::new();
    for n in 0..10 {
        let (client, token) = (environments[n % 4].from_new_network(), ada.access.clone());
        requests.spawn(async move {
            let request = client.post("/probe/notes").bearer(&token).header("idempotency-key", "k");
            let response = request.json(&note("T")).send().await;
            (response.status, response.text().to_owned())
        });
    }
    let responses = requests.join_all().await;
    assert!(responses.iter().all(|response| response.0 == 201 && response == &responses[0]), "{responses:?}");
    assert_eq!(count(&context, "probe_notes").await, 1);
}

#[tokio::test]
async fn lost_or_invalid_records_are_restored_from_the_database() {
    let (context, records) = context().await;
    let ada = sign_up(&context, "ada").await;
    let probe = probe(&context);
    let first = create(&probe, &ada, "k", &note("T")).await;
    records.delete_all().await.unwrap();
    assert_reused(&create(&probe, &ada, "k", &note("other")).await);
    assert_eq!(records.all().await.unwrap().len(), 0, "the other body does not get the key");
    assert_replayed(&create(&probe, &ada, "k", &note("T")).await, &first);
    for (attribute, nonsense) in [("data", "{"), ("data", r#"{"statusCode":7}"#), ("status", "EXPIRED")] {
        records.set_text(attribute, nonsense).await.unwrap();
        assert_replayed(&create(&probe, &ada, "k", &note("T")).await, &first);
    }
    assert_eq!(count(&context, "probe_notes").await, 1);
}

#[tokio::test]
async fn writes_work_without_the_table() {
    let context = TestContext::new().await;
    let ada = sign_up(&context, "ada").await;
    assert_idempotent_without_dynamodb(&context, &[probe(&context), probe(&context)], &ada, "k").await;
    let created: Records = records(&context).await;
    assert_eq!(created.all().await.unwrap().len(), 0);
}
