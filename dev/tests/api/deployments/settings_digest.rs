//! A digest of settings, which changes whenever one of them does.

use serde_json::{Value, json};
use testkit::TestContext;

use super::{handle, start};

#[tokio::test]
async fn a_digest_changes_with_every_value_and_needs_no_database() {
    let context = TestContext::new().await.with("DATABASE_URL", "postgres://nobody@127.0.0.1:1/nothing");
    let maintenance = start(&context).await;
    let digest = async |kind: &str, values: Value| {
        let properties = json!({"Task": "settings_digest", "Values": values, "Version": "1"});
        let response = handle(&maintenance, kind, properties).await;
        assert_eq!(response["Status"], "SUCCESS", "{response}");
        let digest = response["Data"]["Digest"].as_str().unwrap().to_owned();
        let is_digit = |digit: u8| digit.is_ascii_digit() || (b'a'..=b'f').contains(&digit);
        assert!(digest.len() == 32 && digest.bytes().all(is_digit), "{digest}");
        digest
    };
    let values =
        json!({"LogLevel": "info", "Limits": ["100/60", "20/60"], "Users": {"auth": "a", "books": "b"}});
    let base = digest("Create", values.clone()).await;
    assert_eq!(base, digest("Update", values.clone()).await, "the same values");
    let mut changed = values.clone();
    changed["Users"]["books"] = json!("c");
    assert_ne!(base, digest("Update", changed).await);
    let mut reordered = values.clone();
    reordered["Limits"] = json!(["20/60", "100/60"]);
    assert_ne!(base, digest("Update", reordered).await);
    for values in [json!(""), json!([]), json!("info")] {
        digest("Create", values).await;
    }
    let without_values = handle(&maintenance, "Create", json!({"Task": "settings_digest"})).await;
    assert_eq!(without_values["Status"], "FAILED");
}
