//! Writes with an `Idempotency-Key`: done once, however often they are asked for.

mod failures;
mod interop;
mod registration;

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use testkit::records::{Record, Records};
use testkit::{Client, Response, TestContext};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

use crate::users::{TestUser, assert_problem, books, sign_up, without_request_id};
use testkit::proxy::Proxy;

/// A context with a table of its own.
async fn context() -> (TestContext, Records) {
    let context = TestContext::new().await;
    let records = records(&context).await;
    (context, records)
}

/// The table of a context.
async fn records(context: &TestContext) -> Records {
    let records = Records::of(&context);
    records.create_table().await.unwrap();
    records
}

/// The one record that there is.
async fn the_record(records: &Records) -> Record {
    let mut all = records.all().await.unwrap();
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

fn book(title: &str) -> Value {
    json!({"title": title, "author": "A", "year": 1969, "description": null})
}

/// Creates a book, from a network of its own.
async fn create(books: &Client, who: &TestUser, key: &str, book: &Value) -> Response {
    let request = books.elsewhere();
    let request = request.post("/books").bearer(&who.access).header("idempotency-key", key);
    request.json(book).send().await
}

/// Creates the book `T` under the key `k`, in a task of its own.
fn begin(books: &Client, who: &TestUser) -> JoinHandle<Response> {
    let (client, token) = (books.elsewhere(), who.access.clone());
    tokio::spawn(async move {
        let request = client.post("/books").bearer(&token).header("idempotency-key", "k");
        request.json(&book("T")).send().await
    })
}

/// Returns when somebody waits for the table of books.
async fn somebody_waits(context: &TestContext) {
    appears(context, "pg_locks where not granted and relation = 'books'::regclass").await;
}

/// Returns when there is a row of these.
async fn appears(context: &TestContext, rows: &str) {
    let appearing = async { while count(context, rows).await == 0 {} };
    timeout(Duration::from_secs(10), appearing).await.expect("a row in time");
}

/// How many of these rows there are.
async fn count(context: &TestContext, rows: &str) -> i64 {
    context.database().await.query_one(&format!("select count(*) from {rows}"), &[]).await.unwrap().get(0)
}

/// Asserts that `answer` is `first` once more, and says so.
fn assert_replayed(answer: &Response, first: &Response) {
    assert_eq!(answer.header("idempotency-replayed"), Some("true"), "{:?}", answer.raw);
    assert_eq!((answer.status, answer.text()), (first.status, first.text()));
    for name in ["location", "etag", "content-type"] {
        assert_eq!(answer.header(name), first.header(name), "{name}");
    }
}

/// Asserts that `answer` says that the key is another request's.
fn assert_reused(answer: &Response) {
    let problem = assert_problem(answer, 422);
    assert_eq!(problem["type"], "urn:problem-type:bookshelf:idempotency-key-reused");
}

/// Asserts that `answer` asks to wait for the first request.
fn assert_in_progress(answer: &Response) {
    let problem = assert_problem(answer, 409);
    assert_eq!(problem["type"], "urn:problem-type:bookshelf:idempotency-in-progress");
    assert!(answer.retry_after().unwrap().as_secs() >= 1);
}

#[tokio::test]
async fn a_repetition_gets_the_first_answer_and_another_body_a_refusal() {
    let (context, _) = context().await;
    let ada = sign_up(&context, "ada").await;
    let (one, other) = (books(&context), books(&context));
    let first = create(&one, &ada, "k", &book("T")).await;
    assert_eq!(first.status, 201, "{}", first.text());
    assert_eq!(first.header("idempotency-replayed"), None);
    assert_eq!(first.header("location"), Some("/books/1"));
    assert!(first.header("etag").is_some());
    for (client, key) in [(&one, "k"), (&other, "k"), (&other, "\"k\"")] {
        assert_replayed(&create(client, &ada, key, &book("T")).await, &first);
    }
    assert_reused(&create(&other, &ada, "k", &book("other")).await);
    // What became of the book meanwhile is no matter: the question was what came of creating it.
    let change = json!({"title": "changed"});
    assert_eq!(one.put("/books/1").bearer(&ada.access).json(&change).send().await.status, 200);
    assert_replayed(&create(&one, &ada, "k", &book("T")).await, &first);
    assert_eq!(create(&one, &ada, "l", &book("T")).await.json()["id"], 2);
    assert_eq!(count(&context, "books").await, 2);
}

#[tokio::test]
async fn a_key_is_its_callers_own() {
    let (context, records) = context().await;
    let (ada, bob) = (sign_up(&context, "ada").await, sign_up(&context, "bob").await);
    let books = books(&context);
    let of_ada = create(&books, &ada, "k", &book("Ada's")).await;
    let of_bob = create(&books, &bob, "k", &book("Bob's")).await;
    assert_eq!((of_ada.status, of_bob.status), (201, 201));
    assert_replayed(&create(&books, &ada, "k", &book("Ada's")).await, &of_ada);
    assert_replayed(&create(&books, &bob, "k", &book("Bob's")).await, &of_bob);
    assert_eq!(records.all().await.unwrap().len(), 2);
    assert_eq!(count(&context, "books").await, 2);
}

#[tokio::test]
async fn a_stage_is_part_of_what_a_key_names() {
    let (context, records) = context().await;
    let ada = sign_up(&context, "ada").await;
    assert_eq!(create(&books(&context), &ada, "k", &book("T")).await.header("location"), Some("/books/1"));
    let context = context.with("STAGE_PREFIX", "/beta");
    assert_eq!(create(&books(&context), &ada, "k", &book("T")).await.header("location"), Some("/books/2"));
    assert_eq!(records.all().await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_key_that_is_none_is_refused_after_the_token_and_before_all_else() {
    let (context, records) = context().await;
    let ada = sign_up(&context, "ada").await;
    let books = books(&context);
    let too_long = "x".repeat(256);
    for key in ["", "\"\"", "\"open", "a b", "one,two", "\"a\", \"b\"", "ключ", &too_long] {
        assert_problem(&create(&books, &ada, key, &json!({"no": "book"})).await, 400);
        let stranger = books.elsewhere();
        assert_problem(&stranger.post("/books").header("idempotency-key", key).send().await, 401);
    }
    let longest = "x".repeat(255);
    assert_eq!(create(&books, &ada, &longest, &book("T")).await.status, 201);
    let large = json!({"title": "x".repeat(65 * 1024), "author": "A"});
    assert_problem(&create(&books, &ada, "large", &large).await, 413);
    assert_eq!(the_record(&records).await["status"], "COMPLETED");
}

#[tokio::test]
async fn without_the_header_dynamodb_is_not_touched() {
    let (context, _) = context().await;
    let (context, proxy) = Proxy::within(context, "AWS_ENDPOINT_URL_DYNAMODB").await;
    let ada = sign_up(&context, "ada").await;
    let books = books(&context);
    let request = books.post("/books").bearer(&ada.access).json(&book("T"));
    assert_eq!(request.send().await.status, 201);
    assert_eq!(books.get("/books").header("idempotency-key", "k").send().await.status, 200);
    let request = books.put("/books/1").bearer(&ada.access).header("idempotency-key", "k");
    assert_eq!(request.json(&json!({"year": 1})).send().await.status, 200);
    assert_problem(&books.post("/books").header("idempotency-key", "k").send().await, 401);
    assert_eq!(proxy.opened(), 0);
    assert_eq!(create(&books, &ada, "k", &book("T")).await.status, 201);
    assert_eq!(proxy.opened(), 1);
    assert_eq!(count(&context, "idempotent_writes").await, 1);
}

#[tokio::test]
async fn while_the_first_is_being_answered_a_second_is_asked_to_wait() {
    let (context, _) = context().await;
    let ada = sign_up(&context, "ada").await;
    let (one, other) = (books(&context), books(&context));
    let mut database = context.database().await;
    let lock = database.transaction().await.unwrap();
    lock.batch_execute("lock table books in exclusive mode").await.unwrap();
    let first = begin(&one, &ada);
    somebody_waits(&context).await;
    assert_in_progress(&create(&other, &ada, "k", &book("T")).await);
    assert_reused(&create(&other, &ada, "k", &book("other")).await);
    lock.commit().await.unwrap();
    let first = first.await.unwrap();
    assert_eq!(first.status, 201, "{}", first.text());
    assert_replayed(&create(&other, &ada, "k", &book("T")).await, &first);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_ten_at_once_one_is_done() {
    let (context, _) = context().await;
    let ada = sign_up(&context, "ada").await;
    let environments: Vec<_> = (0..4).map(|_| books(&context)).collect();
    for key in ["a", "b", "c"] {
        let mut requests = JoinSet::new();
        for n in 0..10 {
            let (client, token) = (environments[n % 4].elsewhere(), ada.access.clone());
            requests.spawn(async move {
                let request = client.post("/books").bearer(&token).header("idempotency-key", key);
                request.json(&book(key)).send().await
            });
        }
        let answers = requests.join_all().await;
        let first = answers.iter().find(|answer| answer.status == 201).expect("one is done");
        for answer in &answers {
            match answer.status {
                201 => assert_eq!(answer.text(), first.text()),
                _ => assert_in_progress(answer),
            }
        }
        let done_now = answers
            .iter()
            .filter(|answer| answer.status == 201 && answer.header("idempotency-replayed").is_none());
        assert_eq!(done_now.count(), 1);
    }
    assert_eq!(count(&context, "books").await, 3);
}

#[tokio::test]
async fn a_record_has_the_attributes_of_powertools_and_holds_no_secret() {
    let (context, records) = context().await;
    let ada = sign_up(&context, "ada").await;
    let key = "a-key-that-nobody-shall-read";
    let first = create(&books(&context), &ada, key, &book("T")).await;
    let record = the_record(&records).await;
    let names: BTreeSet<_> = record.keys().map(String::as_str).collect();
    let expected = ["data", "expiration", "id", "in_progress_expiration", "owner", "status", "validation"];
    assert_eq!(names, BTreeSet::from(expected));
    let data: Value = serde_json::from_str(&record["data"]).unwrap();
    assert_eq!((data["statusCode"].as_u64(), data["body"].as_str()), (Some(201), Some(first.text())));
    let text = format!("{record:?}");
    for secret in [key, ada.access.as_str(), ada.refresh.as_str(), "bearer", "author\\\":\\\"A\\\",\\\"title"]
    {
        assert!(!text.contains(secret), "{secret} stands in {text}");
    }
    let [expiration, in_progress_expiration]: [u64; 2] =
        ["expiration", "in_progress_expiration"].map(|name| record[name].parse().unwrap());
    let day = expiration - in_progress_expiration / 1000;
    assert!((86_400 - 31..=86_400).contains(&day), "{record:?}");
}

#[tokio::test]
async fn a_refusal_that_stands_is_kept_and_one_that_passes_is_not() {
    let (context, records) = context().await;
    let ada = sign_up(&context, "ada").await;
    let books = books(&context);
    let first = create(&books, &ada, "k", &json!({"title": "T"})).await;
    assert_problem(&first, 422);
    assert_replayed(&create(&books, &ada, "k", &json!({"title": "T"})).await, &first);
    assert_eq!(first.header("cache-control"), Some("no-store"));
    assert_reused(&create(&books, &ada, "k", &book("T")).await);
    records.delete_all().await.unwrap();

    // Nothing in the body is wrong here, so the key must not remember the refusal.
    let request = books.post("/books").bearer(&ada.access).header("idempotency-key", "l");
    assert_problem(&request.body(&book("T").to_string()).send().await, 415);
    assert_eq!(records.all().await.unwrap().len(), 0);
    let created = create(&books, &ada, "l", &book("T")).await;
    assert_eq!((created.status, created.header("idempotency-replayed")), (201, None));
    let again = create(&books, &ada, "l", &book("T")).await;
    assert_eq!(without_request_id(&again), without_request_id(&created));
}

#[tokio::test]
async fn a_key_is_free_again_when_its_record_has_expired() {
    let (context, records) = context().await;
    let ada = sign_up(&context, "ada").await;
    let books = books(&context);
    let first = create(&books, &ada, "k", &book("T")).await;
    // The TTL of DynamoDB deletes within days, not at once.
    records.set_number("expiration", 1).await.unwrap();
    assert_replayed(&create(&books, &ada, "k", &book("T")).await, &first);
    records.set_number("expiration", 1).await.unwrap();
    let expire = "update idempotent_writes set expires_at = now() - interval '1 second'";
    context.database().await.batch_execute(expire).await.unwrap();
    let second = create(&books, &ada, "k", &book("other")).await;
    assert_eq!((second.status, second.header("idempotency-replayed")), (201, None));
    assert_replayed(&create(&books, &ada, "k", &book("other")).await, &second);
    assert_eq!((count(&context, "books").await, count(&context, "idempotent_writes").await), (2, 1));
}
