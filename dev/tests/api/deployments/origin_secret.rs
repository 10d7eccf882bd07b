//! The secret that `CloudFront` sends, of which a deployment gets the digests alone.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use stack::environment::ExecutionEnvironment;
use testkit::TestContext;

use super::{handle, start};
use crate::support::moto::Moto;

/// Runs the task as a step of a deployment and returns the digests, the current one first.
async fn digests(maintenance: &ExecutionEnvironment, kind: &str, arn: &str) -> Vec<String> {
    let properties = json!({"Task": "origin_secret", "SecretArn": arn});
    let response = handle(maintenance, kind, properties).await;
    assert_eq!(response["Status"], "SUCCESS", "{response}");
    response["Data"]["Digests"].as_str().unwrap().split(',').map(str::to_owned).collect()
}

fn digest(value: &str) -> String {
    hex::encode(Sha256::digest(value))
}

async fn stored(moto: &Moto, arn: &str) -> String {
    let value = moto.call("GetSecretValue", &json!({"SecretId": arn})).await;
    value["SecretString"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_deployment_creates_the_secret_once_and_gets_its_digest_without_reading_it() {
    let moto = Moto::start().await;
    let context = TestContext::new().await.with("AWS_ENDPOINT_URL_SECRETS_MANAGER", moto.url());
    let arn = moto.create("origin", None).await;
    let environments = [start(&context).await, start(&context).await];
    let [one, other] = &environments;
    let (first, second) = tokio::join!(digests(one, "Create", &arn), digests(other, "Create", &arn));
    assert_eq!(first, second);
    assert_eq!(digests(one, "Update", &arn).await, first);
    let direct = one.invoke(&json!({"task": "origin_secret", "secret_arn": arn}).to_string()).await.unwrap();
    assert_eq!(direct, json!({"task": "origin_secret", "digests": first[0], "made": false}));
    let calls = moto.calls();
    assert_eq!(calls.iter().filter(|call| *call == "PutSecretValue").count(), 1, "{calls:?}");
    assert!(!calls.contains(&"GetSecretValue".to_owned()), "{calls:?}");
    let value = stored(&moto, &arn).await;
    assert!(value.len() == 64 && hex::decode(&value).is_ok(), "32 bytes in hexadecimal digits");
    assert_eq!(first, [digest(&value)]);
    for environment in &environments {
        assert!(!environment.log().contains(&value));
    }
    let another = moto.create("another", None).await;
    assert_ne!(digests(one, "Create", &another).await, first, "the value is random");
}

#[tokio::test]
async fn a_rotation_announces_the_next_digest_before_it_counts_and_keeps_the_previous_one() {
    let moto = Moto::start().await;
    let context = TestContext::new().await.with("AWS_ENDPOINT_URL_SECRETS_MANAGER", moto.url());
    let arn = moto.create("origin", None).await;
    let maintenance = start(&context).await;
    let old = digests(&maintenance, "Create", &arn).await.remove(0);
    let next = digest("next");
    let put = json!({
        "SecretId": arn, "SecretString": "next", "ClientRequestToken": next, "VersionStages": ["AWSPENDING"],
    });
    moto.call("PutSecretValue", &put).await;
    assert_eq!(digests(&maintenance, "Update", &arn).await, [old.clone(), next.clone()]);
    let promote = json!({
        "SecretId": arn, "VersionStage": "AWSCURRENT", "MoveToVersionId": next, "RemoveFromVersionId": old,
    });
    moto.call("UpdateSecretVersionStage", &promote).await;
    assert_eq!(digests(&maintenance, "Update", &arn).await, [next, old]);
}

#[tokio::test]
async fn a_secret_whose_digest_is_unknown_fails_the_deployment() {
    let moto = Moto::start().await;
    let context = TestContext::new().await.with("AWS_ENDPOINT_URL_SECRETS_MANAGER", moto.url());
    let maintenance = start(&context).await;
    let theirs = moto.create("theirs", Some("typed by hand")).await;
    let task = |arn: &str| -> Value { json!({"Task": "origin_secret", "SecretArn": arn}) };
    let failed = handle(&maintenance, "Update", task(&theirs)).await;
    assert_eq!(failed["Status"], "FAILED");
    assert!(failed["Reason"].as_str().unwrap().contains("not written by this function"), "{failed}");
    assert_eq!(stored(&moto, &theirs).await, "typed by hand");
    assert!(!maintenance.log().contains("typed by hand"));
}
