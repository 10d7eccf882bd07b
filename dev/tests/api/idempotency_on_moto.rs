//! Idempotent writes with moto as `DynamoDB`: a second implementation of its condition expressions.

use serde_json::json;
use stack::environment::ExecutionEnvironment;
use testkit::records::Records;
use testkit::users::sign_up;
use testkit::{Client, TestContext};

use crate::support::moto::Moto;
use crate::support::responses::assert_problem;

#[tokio::test]
async fn a_write_leaves_one_record_that_is_replayed() {
    let moto = Moto::start().await;
    // moto loads a service at the first call, which takes longer than a claim may.
    moto.call_service("dynamodb", "DynamoDB_20120810.ListTables", &json!({})).await;
    let context = TestContext::new().await.with("AWS_ENDPOINT_URL_DYNAMODB", moto.direct_url());
    let records = Records::of(&context);
    records.create_table().await.unwrap();
    let ada = sign_up(&context, "ada").await;
    let probe = Client::of(ExecutionEnvironment::start("probe", context.variables()).await.unwrap());
    let create = async |title: &str| {
        let request = probe.post("/probe/notes").bearer(&ada.access).header("idempotency-key", "k");
        request.json(&json!({"text": title})).send().await
    };
    let first = create("T").await;
    assert_eq!((first.status, first.header("idempotency-replayed")), (201, None), "{}", first.text());
    let all = records.all().await.unwrap();
    assert_eq!((all.len(), all[0]["status"].as_str()), (1, "COMPLETED"));
    let again = create("T").await;
    assert_eq!((again.header("idempotency-replayed"), again.text()), (Some("true"), first.text()));
    assert_problem(&create("another").await, 422);
    assert_eq!(records.all().await.unwrap(), all, "a replay changes nothing");
}
