//! Writes with an `Idempotency-Key`: however often a request is sent, it is executed once.

mod failures;
mod interop;

use std::collections::BTreeSet;

use serde_json::{Value, json};
use testkit::proxy::Proxy;
use testkit::records::{Record, Records};
use testkit::users::{TestUser, sign_up};
use testkit::{Client, Response, TestContext};
use tokio::task::{JoinHandle, JoinSet};

use crate::support::clients::probe;
use crate::support::locks::until_lock_is_awaited;
use crate::support::responses::{assert_problem, without_request_id};

/// A context with its own table.
pub(crate) async fn context() -> (TestContext, Records) {
    let context = TestContext::new().await;
    let records = records(&context).await;
    (context, records)
}

/// The table of a context.
async fn records(context: &TestContext) -> Records {
    let records = Records::of(context);
    records.create_table().await.unwrap();
    records
}

/// The only record in the table.
pub(crate) async fn the_record(records: &Records) -> Record {
    let mut all = records.all().await.unwrap();
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

fn note(text: &str) -> Value {
    json!({"text": text})
}

/// Creates a note, from another network each time.
async fn create(probe: &Client, user: &TestUser, key: &str, note: &Value) -> Response {
    let request = probe.from_new_network();
    let request = request.post("/probe/notes").bearer(&user.access).header("idempotency-key", key);
    request.json(note).send().await
}

/// Creates the note `T` under the key `k` in a spawned task.
fn begin(probe: &Client, user: &TestUser) -> JoinHandle<Response> {
    let (client, token) = (probe.from_new_network(), user.access.clone());
    tokio::spawn(async move {
        let request = client.post("/probe/notes").bearer(&token).header("idempotency-key", "k");
        request.json(&note("T")).send().await
    })
}

/// The number of `rows`, what follows `from` in SQL.
pub(crate) async fn count(context: &TestContext, rows: &str) -> i64 {
    context.database().await.query_one(&format!("select count(*) from {rows}"), &[]).await.unwrap().get(0)
}

/// Asserts that `response` replays `first`.
pub(crate) fn assert_replayed(response: &Response, first: &Response) {
    assert_eq!(response.header("idempotency-replayed"), Some("true"), "{:?}", response.raw);
    assert_eq!((response.status, response.text()), (first.status, first.text()));
    for name in ["location", "etag", "content-type"] {
        assert_eq!(response.header(name), first.header(name), "{name}");
    }
}

/// Asserts that `response` refuses the key, since another request has used it.
pub(crate) fn assert_reused(response: &Response) {
    let problem = assert_problem(response, 422);
    assert_eq!(problem["type"], "urn:problem-type:bookshelf:idempotency-key-reused");
}

/// Asserts that `response` tells the client to wait for the first request.
fn assert_in_progress(response: &Response) {
    let problem = assert_problem(response, 409);
    assert_eq!(problem["type"], "urn:problem-type:bookshelf:idempotency-in-progress");
    assert!(response.retry_after().unwrap().as_secs() >= 1);
}

#[tokio::test]
async fn a_retry_gets_the_first_response_and_another_body_is_refused() {
    let (context, _) = context().await;
    let ada = sign_up(&context, "ada").await;
    let (one, other) = (probe(&context), probe(&context));
    let first = create(&one, &ada, "k", &note("T")).await;
    assert_eq!(first.status, 201, "{}", first.text());
    assert_eq!(first.header("idempotency-replayed"), None);
    assert_eq!(first.header("location"), Some("/probe/notes/1"));
    for (client, key) in [(&one, "k"), (&other, "k"), (&other, "\"k\"")] {
        assert_replayed(&create(client, &ada, key, &note("T")).await, &first);
    }
    assert_reused(&create(&other, &ada, "k", &note("other")).await);
    // The replay is the response to the creation, whatever happened to the note since.
    let change = json!({"text": "changed"});
    assert_eq!(one.put("/probe/notes/1").bearer(&ada.access).json(&change).send().await.status, 200);
    assert_replayed(&create(&one, &ada, "k", &note("T")).await, &first);
    assert_eq!(create(&one, &ada, "l", &note("T")).await.json()["id"], 2);
    assert_eq!(count(&context, "probe_notes").await, 2);
}

#[tokio::test]
async fn the_same_key_of_two_callers_is_two_keys() {
    let (context, records) = context().await;
    let (ada, bob) = (sign_up(&context, "ada").await, sign_up(&context, "bob").await);
    let probe = probe(&context);
    let of_ada = create(&probe, &ada, "k", &note("Ada's")).await;
    let of_bob = create(&probe, &bob, "k", &note("Bob's")).await;
    assert_eq!((of_ada.status, of_bob.status), (201, 201));
    assert_replayed(&create(&probe, &ada, "k", &note("Ada's")).await, &of_ada);
    assert_replayed(&create(&probe, &bob, "k", &note("Bob's")).await, &of_bob);
    assert_eq!(records.all().await.unwrap().len(), 2);
    assert_eq!(count(&context, "probe_notes").await, 2);
}

#[tokio::test]
async fn the_same_key_on_two_stages_is_two_keys() {
    let (context, records) = context().await;
    let ada = sign_up(&context, "ada").await;
    assert_eq!(
        create(&probe(&context), &ada, "k", &note("T")).await.header("location"),
        Some("/probe/notes/1")
    );
    let context = context.with("STAGE_PREFIX", "/beta");
    assert_eq!(
        create(&probe(&context), &ada, "k", &note("T")).await.header("location"),
        Some("/probe/notes/2")
    );
    assert_eq!(records.all().await.unwrap().len(), 2);
}

#[tokio::test]
async fn an_invalid_key_is_refused_after_the_token_check_and_before_all_others() {
    let (context, records) = context().await;
    let ada = sign_up(&context, "ada").await;
    let probe = probe(&context);
    let too_long = "x".repeat(256);
    for key in ["", "\"\"", "\"open", "a b", "one,two", "\"a\", \"b\"", "ключ", &too_long] {
        assert_problem(&create(&probe, &ada, key, &json!({"no": "note"})).await, 400);
        let anonymous = probe.from_new_network();
        assert_problem(&anonymous.post("/probe/notes").header("idempotency-key", key).send().await, 401);
    }
    let longest = "x".repeat(255);
    assert_eq!(create(&probe, &ada, &longest, &note("T")).await.status, 201);
    let large = json!({"text": "x".repeat(65 * 1024)});
    assert_problem(&create(&probe, &ada, "large", &large).await, 413);
    assert_eq!(the_record(&records).await["status"], "COMPLETED");
}

#[tokio::test]
async fn a_request_without_a_key_makes_no_call_to_dynamodb() {
    let (context, _) = context().await;
    let (context, proxy) = Proxy::replacing_url(context, "AWS_ENDPOINT_URL_DYNAMODB").await;
    let ada = sign_up(&context, "ada").await;
    let probe = probe(&context);
    let request = probe.post("/probe/notes").bearer(&ada.access).json(&note("T"));
    assert_eq!(request.send().await.status, 201);
    assert_eq!(probe.get("/probe/notes").header("idempotency-key", "k").send().await.status, 200);
    let request = probe.put("/probe/notes/1").bearer(&ada.access).header("idempotency-key", "k");
    assert_eq!(request.json(&json!({"text": "U"})).send().await.status, 200);
    assert_problem(&probe.post("/probe/notes").header("idempotency-key", "k").send().await, 401);
    assert_eq!(proxy.opened(), 0);
    assert_eq!(create(&probe, &ada, "k", &note("T")).await.status, 201);
    assert_eq!(proxy.opened(), 1);
    assert_eq!(count(&context, "idempotent_writes").await, 1);
}

#[tokio::test]
async fn a_retry_during_the_first_request_is_told_to_wait() {
    let (context, _) = context().await;
    let ada = sign_up(&context, "ada").await;
    let (one, other) = (probe(&context), probe(&context));
    let mut database = context.database().await;
    let lock = database.transaction().await.unwrap();
    lock.batch_execute("lock table probe_notes in exclusive mode").await.unwrap();
    let first = begin(&one, &ada);
    until_lock_is_awaited(&lock, "probe_notes").await;
    assert_in_progress(&create(&other, &ada, "k", &note("T")).await);
    assert_reused(&create(&other, &ada, "k", &note("other")).await);
    lock.commit().await.unwrap();
    let first = first.await.unwrap();
    assert_eq!(first.status, 201, "{}", first.text());
    assert_replayed(&create(&other, &ada, "k", &note("T")).await, &first);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exactly_one_of_ten_concurrent_requests_is_executed() {
    let (context, _) = context().await;
    let ada = sign_up(&context, "ada").await;
    let environments: Vec<_> = (0..4).map(|_| probe(&context)).collect();
    for key in ["a", "b", "c"] {
        let mut requests = JoinSet::new();
        for n in 0..10 {
            let (client, token) = (environments[n % 4].from_new_network(), ada.access.clone());
            requests.spawn(async move {
                let request = client.post("/probe/notes").bearer(&token).header("idempotency-key", key);
                request.json(&note(key)).send().await
            });
        }
        let responses = requests.join_all().await;
        let first = responses.iter().find(|response| response.status == 201).expect("one is executed");
        for response in &responses {
            match response.status {
                201 => assert_eq!(response.text(), first.text()),
                _ => assert_in_progress(response),
            }
        }
        let executed = responses
            .iter()
            .filter(|response| response.status == 201 && response.header("idempotency-replayed").is_none());
        assert_eq!(executed.count(), 1);
    }
    assert_eq!(count(&context, "probe_notes").await, 3);
}

#[tokio::test]
async fn a_record_has_the_attributes_of_powertools_and_contains_no_secret() {
    let (context, records) = context().await;
    let ada = sign_up(&context, "ada").await;
    let key = "a-key-that-must-not-be-stored";
    let first = create(&probe(&context), &ada, key, &note("T")).await;
    let record = the_record(&records).await;
    let names: BTreeSet<_> = record.keys().map(String::as_str).collect();
    let expected = ["data", "expiration", "id", "in_progress_expiration", "owner", "status", "validation"];
    assert_eq!(names, BTreeSet::from(expected));
    let data: Value = serde_json::from_str(&record["data"]).unwrap();
    assert_eq!((data["statusCode"].as_u64(), data["body"].as_str()), (Some(201), Some(first.text())));
    let text = format!("{record:?}");
    for secret in [key, ada.access.as_str(), ada.refresh.as_str(), "bearer", "author\\\":\\\"A\\\",\\\"title"]
    {
        assert!(!text.contains(secret), "{secret} is in {text}");
    }
    let [expiration, in_progress_expiration]: [u64; 2] =
        ["expiration", "in_progress_expiration"].map(|name| record[name].parse().unwrap());
    let day = expiration - in_progress_expiration / 1000;
    assert!((86_400 - 31..=86_400).contains(&day), "{record:?}");
}

#[tokio::test]
async fn a_permanent_refusal_is_stored_and_a_transient_one_is_not() {
    let (context, records) = context().await;
    let ada = sign_up(&context, "ada").await;
    let probe = probe(&context);
    let no_note = json!({"title": "T"});
    let first = create(&probe, &ada, "k", &no_note).await;
    assert_problem(&first, 422);
    assert_replayed(&create(&probe, &ada, "k", &no_note).await, &first);
    assert_eq!(first.header("cache-control"), Some("no-store"));
    assert_reused(&create(&probe, &ada, "k", &note("T")).await);
    records.delete_all().await.unwrap();

    // The body is right here, so the refusal must not be stored under the key.
    let request = probe.post("/probe/notes").bearer(&ada.access).header("idempotency-key", "l");
    assert_problem(&request.body(&note("T").to_string()).send().await, 415);
    assert_eq!(records.all().await.unwrap().len(), 0);
    let created = create(&probe, &ada, "l", &note("T")).await;
    assert_eq!((created.status, created.header("idempotency-replayed")), (201, None));
    let again = create(&probe, &ada, "l", &note("T")).await;
    assert_eq!(without_request_id(&again), without_request_id(&created));
}

#[tokio::test]
async fn a_key_can_be_used_again_after_its_record_expires() {
    let (context, records) = context().await;
    let ada = sign_up(&context, "ada").await;
    let probe = probe(&context);
    let first = create(&probe, &ada, "k", &note("T")).await;
    // DynamoDB deletes expired records within days, not at once.
    records.set_number("expiration", 1).await.unwrap();
    assert_replayed(&create(&probe, &ada, "k", &note("T")).await, &first);
    records.set_number("expiration", 1).await.unwrap();
    let expire = "update idempotent_writes set expires_at = now() - interval '1 second'";
    context.database().await.batch_execute(expire).await.unwrap();
    let second = create(&probe, &ada, "k", &note("other")).await;
    assert_eq!((second.status, second.header("idempotency-replayed")), (201, None));
    assert_replayed(&create(&probe, &ada, "k", &note("other")).await, &second);
    assert_eq!((count(&context, "probe_notes").await, count(&context, "idempotent_writes").await), (2, 1));
}
