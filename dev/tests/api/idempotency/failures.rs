//! Crashes in the middle, owners that come back late, and a `DynamoDB` that forgets, falls silent or has enough.

use std::time::Duration;

use stack::environment::ExecutionEnvironment;
use testkit::records::Records;
use testkit::{Client, TestContext};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::{
    appears, assert_in_progress, assert_replayed, assert_reused, begin, book, context, count, create,
    records, somebody_waits, the_record,
};
use crate::users::{TestUser, assert_problem, books, sign_up};
use testkit::proxy::{Mode, Proxy};

#[tokio::test]
async fn a_process_killed_after_its_commit_has_done_it_and_the_retry_gets_its_answer() {
    let (context, records) = context().await;
    let ada = sign_up(&context, "ada").await;
    let other = books(&context);
    let mut database = context.database().await;
    let (context, proxy) = Proxy::within(context, "AWS_ENDPOINT_URL_DYNAMODB").await;
    let doomed = ExecutionEnvironment::start("books", context.variables()).await.unwrap();
    let lock = database.transaction().await.unwrap();
    lock.batch_execute("lock table books in exclusive mode").await.unwrap();
    let request = begin(&Client::of(doomed.clone()), &ada);
    somebody_waits(&context).await;
    // The claim is through; of what comes after the commit, nothing shall reach the table.
    proxy.set(Mode::Swallowing);
    lock.commit().await.unwrap();
    appears(&context, "books").await;
    doomed.kill().await;
    assert!(request.await.is_err(), "who asked has no answer");

    assert_in_progress(&create(&other, &ada, "k", &book("T")).await);
    records.set_number("in_progress_expiration", 1).await.unwrap();
    let retry = create(&other, &ada, "k", &book("T")).await;
    assert_eq!((retry.status, retry.header("idempotency-replayed")), (201, Some("true")), "{}", retry.text());
    let found = other.get(retry.header("location").unwrap()).send().await;
    assert_eq!((found.text(), found.header("etag")), (retry.text(), retry.header("etag")));
    assert_replayed(&create(&other, &ada, "k", &book("T")).await, &retry);
    assert_eq!(count(&context, "books").await, 1);
    assert_eq!(the_record(&records).await["status"], "COMPLETED");
}

#[tokio::test]
async fn an_owner_that_comes_back_late_changes_nothing_any_more() {
    let (context, records) = context().await;
    let ada = sign_up(&context, "ada").await;
    let other = books(&context);
    let mut database = context.database().await;
    let zombie = ExecutionEnvironment::start("books", context.variables()).await.unwrap();
    let lock = database.transaction().await.unwrap();
    lock.batch_execute("lock table books in exclusive mode").await.unwrap();
    let request = begin(&Client::of(zombie.clone()), &ada);
    somebody_waits(&context).await;
    zombie.freeze();
    let first = the_record(&records).await;
    lock.commit().await.unwrap();
    appears(&context, "books").await;
    records.set_number("in_progress_expiration", 1).await.unwrap();
    let second = create(&other, &ada, "k", &book("T")).await;
    assert_eq!((second.status, second.header("idempotency-replayed")), (201, Some("true")));
    let completed = the_record(&records).await;
    assert!(completed["owner"] != first["owner"] && completed["status"] == "COMPLETED", "{completed:?}");

    zombie.thaw();
    // By its own clock it has waited for Postgres in vain, or it has not; either way it has lost the record.
    let late = request.await.unwrap();
    assert!([201, 503].contains(&late.status), "{}", late.text());
    assert!(zombie.log().contains("another owner"), "{}", zombie.log());
    assert_eq!(the_record(&records).await, completed);
    assert_eq!(count(&context, "books").await, 1);
}

#[tokio::test]
async fn a_failure_of_ours_is_not_kept() {
    let (context, records) = context().await;
    let ada = sign_up(&context, "ada").await;
    let database = context.database().await;
    let name: String = database.query_one("select current_database()", &[]).await.unwrap().get(0);
    let read_only = format!("alter database {name} set default_transaction_read_only");
    database.batch_execute(&format!("{read_only} = on")).await.unwrap();
    assert_problem(&create(&books(&context), &ada, "k", &book("T")).await, 503);
    assert_eq!(records.all().await.unwrap().len(), 0);
    database
        .batch_execute(&format!("set default_transaction_read_only = off; {read_only} = off"))
        .await
        .unwrap();
    let created = create(&books(&context), &ada, "k", &book("T")).await;
    assert_eq!((created.status, created.header("idempotency-replayed")), (201, None));
}

#[tokio::test]
async fn a_write_that_was_answered_503_and_happened_all_the_same_is_not_done_twice() {
    let (context, records) = context().await;
    let ada = sign_up(&context, "ada").await;
    let mut database = context.database().await;
    let seen = context.variable("DATABASE_URL").to_owned();
    let (context, proxy) = Proxy::within(context, "DATABASE_URL").await;
    let books = books(&context);
    let context = context.with("DATABASE_URL", &seen);
    let lock = database.transaction().await.unwrap();
    lock.batch_execute("lock table books in exclusive mode").await.unwrap();
    let request = begin(&books, &ada);
    somebody_waits(&context).await;
    proxy.set(Mode::Swallowing);
    lock.commit().await.unwrap();
    appears(&context, "books").await;
    assert_problem(&request.await.unwrap(), 503);
    assert_eq!(records.all().await.unwrap().len(), 0);
    proxy.set(Mode::Open);
    let retry = create(&books, &ada, "k", &book("T")).await;
    assert_eq!((retry.status, retry.header("idempotency-replayed")), (201, Some("true")), "{}", retry.text());
    assert_replayed(&create(&books, &ada, "k", &book("T")).await, &retry);
    assert_eq!(count(&context, "books").await, 1);
}

/// Creates one book again and again while `DynamoDB` is of no use; `key` is fresh.
async fn holds_without_dynamodb(context: &TestContext, books: &[Client; 2], who: &TestUser, key: &str) {
    let before = count(context, "books").await;
    let patiently = |request| timeout(Duration::from_secs(10), request);
    let first = patiently(create(&books[0], who, key, &book(key))).await.expect("an answer in time");
    assert_eq!(first.status, 201, "{key}: {}", first.text());
    assert_replayed(&create(&books[1], who, key, &book(key)).await, &first);
    assert_reused(&create(&books[0], who, key, &book("other")).await);
    assert_eq!(count(context, "books").await, before + 1, "{key}");
}

#[tokio::test]
async fn a_stopped_or_silent_dynamodb_is_gone_without_and_used_again_at_once() {
    let (context, records) = context().await;
    let ada = sign_up(&context, "ada").await;
    let (context, proxy) = Proxy::within(context, "AWS_ENDPOINT_URL_DYNAMODB").await;
    let books = [books(&context), books(&context)];
    for (key, state) in [("stopped", Mode::Closed), ("silent", Mode::Swallowing)] {
        proxy.set(state);
        holds_without_dynamodb(&context, &books, &ada, key).await;
        proxy.set(Mode::Open);
        assert_eq!(
            create(&books[0], &ada, key, &book(key)).await.header("idempotency-replayed"),
            Some("true")
        );
        assert_eq!(the_record(&records).await["status"], "COMPLETED", "{key}");
        records.delete_all().await.unwrap();
    }
}

#[tokio::test]
async fn a_throttled_dynamodb_is_gone_without() {
    let context = TestContext::new().await.with("AWS_ENDPOINT_URL_DYNAMODB", &throttled().await);
    let ada = sign_up(&context, "ada").await;
    holds_without_dynamodb(&context, &[books(&context), books(&context)], &ada, "throttled").await;
}

/// The address of a `DynamoDB` that refuses every request.
async fn throttled() -> String {
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
async fn of_ten_at_once_without_dynamodb_one_is_done_and_all_get_its_answer() {
    let context = TestContext::new().await.with("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:9");
    let ada = sign_up(&context, "ada").await;
    let environments: Vec<_> = (0..4).map(|_| books(&context)).collect();
    let mut requests = JoinSet::new();
    for n in 0..10 {
        let (client, token) = (environments[n % 4].elsewhere(), ada.access.clone());
        requests.spawn(async move {
            let request = client.post("/books").bearer(&token).header("idempotency-key", "k");
            let answer = request.json(&book("T")).send().await;
            (answer.status, answer.text().to_owned())
        });
    }
    let answers = requests.join_all().await;
    assert!(answers.iter().all(|answer| answer.0 == 201 && answer == &answers[0]), "{answers:?}");
    assert_eq!(count(&context, "books").await, 1);
}

#[tokio::test]
async fn a_dynamodb_that_forgot_or_holds_nonsense_is_put_right_by_the_database() {
    let (context, records) = context().await;
    let ada = sign_up(&context, "ada").await;
    let books = books(&context);
    let first = create(&books, &ada, "k", &book("T")).await;
    records.delete_all().await.unwrap();
    assert_reused(&create(&books, &ada, "k", &book("other")).await);
    assert_eq!(records.all().await.unwrap().len(), 0, "the key is not the other body's");
    assert_replayed(&create(&books, &ada, "k", &book("T")).await, &first);
    for (attribute, nonsense) in [("data", "{"), ("data", r#"{"statusCode":7}"#), ("status", "EXPIRED")] {
        records.set_text(attribute, nonsense).await.unwrap();
        assert_replayed(&create(&books, &ada, "k", &book("T")).await, &first);
    }
    assert_eq!(count(&context, "books").await, 1);
}

#[tokio::test]
async fn a_table_that_does_not_exist_stops_nobody() {
    let context = TestContext::new().await;
    let ada = sign_up(&context, "ada").await;
    holds_without_dynamodb(&context, &[books(&context), books(&context)], &ada, "k").await;
    let made: Records = records(&context).await;
    assert_eq!(made.all().await.unwrap().len(), 0);
}
