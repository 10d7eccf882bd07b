//! One table for several languages: Powertools for Python reads and completes records of this API, and this API replays
//! records of Powertools.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};
use testkit::TestContext;
use testkit::users::sign_up;
use tokio::task::spawn_blocking;

use super::{assert_in_progress, assert_replayed, context, count, create, note, the_record};
use crate::support::clients::probe;

/// Lets Powertools do one step with the record `id`, and returns its output.
async fn powertools(context: &TestContext, step: &str, id: &str) -> Value {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/api/idempotency"));
    let python = stack::tools::python(&folder.join("requirements.txt")).await.unwrap();
    let mut command = Command::new(python);
    // Without a cache of bytecode among the sources.
    command.arg("-B").arg(folder.join("powertools.py"));
    let address = ["AWS_ENDPOINT_URL_DYNAMODB", "IDEMPOTENCY_TABLE"].map(|name| context.variable(name));
    command.args(address).args([step, id]);
    let Output { status, stdout, stderr } = spawn_blocking(move || command.output()).await.unwrap().unwrap();
    assert!(status.success(), "{step}: {status}\n{}", String::from_utf8_lossy(&stderr));
    serde_json::from_slice(&stdout).unwrap()
}

#[tokio::test]
async fn powertools_and_this_api_read_each_others_records() {
    let (context, records) = context().await;
    let ada = sign_up(&context, "ada").await;
    let probe = probe(&context);
    let first = create(&probe, &ada, "k", &note("T")).await;
    let record = the_record(&records).await;
    let id = record["id"].as_str();

    let read = powertools(&context, "read", id).await;
    assert_eq!((&read["status"], &read["id"]), (&json!("COMPLETED"), &json!(id)));
    assert_eq!(read["validation"], record["validation"]);
    assert_eq!(read["response"]["statusCode"], 201);
    assert_eq!(read["response"]["body"], first.text());
    let claim = powertools(&context, "claim", id).await;
    assert_eq!(claim, json!({"claimed": false, "status": "COMPLETED"}));
    // As the record is while the request is executed.
    records.set_text("status", "INPROGRESS").await.unwrap();
    assert_eq!(powertools(&context, "read", id).await["status"], "INPROGRESS");
    let claim = powertools(&context, "claim", id).await;
    assert_eq!(claim, json!({"claimed": false, "status": "INPROGRESS"}));
    records.set_number("in_progress_expiration", 1).await.unwrap();
    assert_eq!(powertools(&context, "claim", id).await, json!({"claimed": true}), "the claim has expired");

    assert_in_progress(&create(&probe, &ada, "k", &note("T")).await);
    assert_eq!(powertools(&context, "complete", id).await, json!({"completed": true}));
    let response = create(&probe, &ada, "k", &note("T")).await;
    assert_eq!((response.status, response.json()), (201, json!({"by": "powertools"})));
    assert_replayed(&create(&probe, &ada, "k", &note("T")).await, &response);
    assert_eq!(count(&context, "probe_notes").await, 1);
}
