//! Custom resources of `CloudFormation`: a deployment runs tasks of `maintenance`, here in real processes.
//!
//! `CloudFormation` sends a request with a signed URL and waits until a response is put there. A server in the test
//! plays that URL.

mod origin_secret;
mod replaced_database;
mod response_bucket;
mod settings_digest;
mod starting_database;

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use maintenance::App;
use serde_json::{Value, json};
use shared::identity::tokens::generate;
use stack::environment::ExecutionEnvironment;
use testkit::users::{TestUser, sign_up};
use testkit::{Failure, Response, TestContext, invocation_event};

use crate::support::clients::probe;
use crate::support::migrations::empty_database;
use crate::support::moto::Moto;
use response_bucket::ResponseBucket;

/// A request as `CloudFormation` sends it.
fn request(kind: &str, url: &str, properties: &Value) -> Value {
    let mut request = json!({
        "RequestType": kind,
        "ServiceToken": "arn:aws:lambda:eu-central-1:123456789012:function:maintenance",
        "ResponseURL": url,
        "StackId": "arn:aws:cloudformation:eu-central-1:123456789012:stack/bookshelf/1",
        "RequestId": "unique-id-of-this-request",
        "LogicalResourceId": "Migration",
        "ResourceType": "Custom::Migration",
        "ResourceProperties": properties,
    });
    if kind != "Create" {
        request["PhysicalResourceId"] = "Migration-of-old".into();
        request["OldResourceProperties"] = json!({});
    }
    request
}

/// Sends a request to `maintenance` and returns the one response that it puts into the bucket.
pub(crate) async fn handle(maintenance: &ExecutionEnvironment, kind: &str, properties: Value) -> Value {
    let bucket = ResponseBucket::start(&[]).await;
    let report = maintenance.invoke(&request(kind, &bucket.url(), &properties).to_string()).await.unwrap();
    assert_eq!(bucket.responses().len(), 1);
    let response = bucket.last();
    assert_eq!((&report["task"], &report["status"]), (&json!("custom_resource"), &response["Status"]));
    response
}

pub(crate) async fn start(context: &TestContext) -> ExecutionEnvironment {
    ExecutionEnvironment::start("maintenance", context.variables()).await.unwrap()
}

#[tokio::test]
async fn a_deployment_migrates_the_database_and_gets_a_response() {
    let context = TestContext::new().await;
    empty_database(&context).await;
    let maintenance = start(&context).await;
    let properties = json!({"ServiceToken": "arn", "Task": "migrate", "Version": "2026-11-22T10:00:00Z"});
    let created = handle(&maintenance, "Create", properties.clone()).await;
    assert!(created["Data"]["Applied"].as_str().unwrap().starts_with("V1__users V2__books"), "{created}");
    let expected = json!({
        "Status": "SUCCESS",
        "PhysicalResourceId": "Migration",
        "StackId": "arn:aws:cloudformation:eu-central-1:123456789012:stack/bookshelf/1",
        "RequestId": "unique-id-of-this-request",
        "LogicalResourceId": "Migration",
        "Data": {"Applied": created["Data"]["Applied"]},
    });
    assert_eq!(created, expected);
    let updated = handle(&maintenance, "Update", properties.clone()).await;
    assert_eq!((&updated["Data"], &updated["Status"]), (&json!({"Applied": ""}), &json!("SUCCESS")));
    assert_eq!(updated["PhysicalResourceId"], "Migration-of-old", "another one would be another resource");
    empty_database(&context).await;
    assert_eq!(handle(&maintenance, "Delete", properties).await["Status"], "SUCCESS");
    let left = "select count(*) from pg_tables where schemaname = 'public'";
    let left: i64 = context.database().await.query_one(left, &[]).await.unwrap().get(0);
    assert_eq!(left, 0, "a deletion migrates nothing");
}

#[tokio::test]
async fn a_failed_step_reports_a_reason_that_contains_no_secret() {
    let context = TestContext::new().await;
    let maintenance = start(&context).await;
    for properties in [
        json!({}),
        json!({"Task": "purge"}),
        json!({"Task": "set_role", "username": "ada", "role": "admin"}),
        json!({"Task": "keys"}),
        json!({"Task": "origin_secret"}),
        json!({"Task": "settings_digest"}),
        json!({"Task": ["migrate"]}),
        json!(null),
        json!("migrate"),
    ] {
        let failed = handle(&maintenance, "Create", properties.clone()).await;
        assert_eq!(failed["Status"], "FAILED", "{properties}");
        let reason = "the properties must be Task: migrate, or Task: settings_digest and Values, or Task: keys or \
            origin_secret and SecretArn";
        assert_eq!((&failed["Reason"], &failed["Data"]), (&json!(reason), &json!({})));
        let deleted = handle(&maintenance, "Delete", properties).await;
        assert_eq!(deleted["Status"], "SUCCESS", "otherwise a failed stack could not be deleted");
    }
    let url = context.variable("DATABASE_URL").replacen("://", "://nobody-", 1);
    let maintenance = start(&context.with("DATABASE_URL", &url)).await;
    let failed = handle(&maintenance, "Update", json!({"Task": "migrate"})).await;
    let reason = failed["Reason"].as_str().unwrap();
    let refused = "postgres: password authentication failed for user \"nobody-bookshelf\" (SQLSTATE 28P01)";
    assert_eq!((&failed["Status"], reason), (&json!("FAILED"), refused));
    let password = url.split([':', '@']).nth(2).unwrap();
    assert!(!failed.to_string().contains(password) && !maintenance.log().contains(password));
    assert!(!maintenance.log().contains("X-Amz-Signature"), "the URL authorizes a response");
}

#[tokio::test]
async fn a_response_is_sent_again_only_after_a_server_error() {
    let maintenance = start(&TestContext::new().await).await;
    let bucket = ResponseBucket::start(&[503, 500]).await;
    let delete = |url: &str| request("Delete", url, &json!({})).to_string();
    maintenance.invoke(&delete(&bucket.url())).await.unwrap();
    let responses = bucket.responses();
    assert_eq!(responses.len(), 3);
    assert!(responses.iter().all(|response| *response == responses[0]));
    let bucket = ResponseBucket::start(&[403]).await;
    let refused = maintenance.invoke(&delete(&bucket.url())).await.unwrap_err();
    assert_eq!(refused.error_message, "CloudFormation was not answered: the answer was refused");
    assert_eq!(bucket.responses().len(), 1, "a refusal is final");
}

#[tokio::test]
async fn an_invalid_response_url_fails_the_event_and_not_the_process() {
    let maintenance = start(&TestContext::new().await).await;
    for url in
        ["", "nonsense", "/path", "http://example.com/", "ftp://127.0.0.1/", "https://", "http://[", "\u{0}"]
    {
        let Failure { error_message, .. } =
            maintenance.invoke(&request("Delete", url, &json!({})).to_string()).await.unwrap_err();
        let expected = "CloudFormation was not answered: its URL is none that an answer may be sent to";
        assert_eq!(error_message, expected, "{url}");
    }
    // Without these members, which `CloudFormation` always sends, no response is possible.
    for event in
        [json!({"RequestType": "Create"}), json!({"RequestType": "Replace", "ResponseURL": "https://a"})]
    {
        maintenance.invoke(&event.to_string()).await.unwrap_err();
    }
    assert!(maintenance.is_alive());
}

/// The `x` of each public key in a response, beginning with the key that signs.
fn keys(response: &Value) -> Vec<String> {
    assert_eq!(response["Status"], "SUCCESS", "{response}");
    let set: Value = serde_json::from_str(response["Data"]["PublicKeys"].as_str().unwrap()).unwrap();
    set["keys"].as_array().unwrap().iter().map(|key| key["x"].to_string()).collect()
}

/// `context` with the keys and the pepper of a secret, as `auth` has them once it has read it.
fn with_values(context: TestContext, secret: &Value) -> TestContext {
    let values: BTreeMap<String, String> = serde_json::from_str(secret.as_str().unwrap()).unwrap();
    values.iter().fold(context, |context, (name, value)| context.with(name, value))
}

/// Writes a note, which the function verifies a token for.
async fn write(context: &TestContext, user: &TestUser) -> Response {
    let note = json!({"text": "T"});
    probe(context).post("/probe/notes").bearer(&user.access).json(&note).send().await
}

#[tokio::test]
async fn a_deployment_creates_keys_once_and_gets_the_same_public_keys_afterwards() {
    let moto = Moto::start().await;
    let context = TestContext::new().await.with("AWS_ENDPOINT_URL_SECRETS_MANAGER", moto.url());
    let arn = moto.create("bookshelf", None).await;
    let properties = json!({"Task": "keys", "SecretArn": arn});
    let environments = [start(&context).await, start(&context).await, start(&context).await];
    let [first, second, third] = &environments;
    let (one, two, three) = tokio::join!(
        handle(first, "Create", properties.clone()),
        handle(second, "Create", properties.clone()),
        handle(third, "Create", properties.clone()),
    );
    assert_eq!((keys(&one).len(), keys(&one), keys(&two)), (1, keys(&two), keys(&three)));
    let again = handle(first, "Update", properties.clone()).await;
    assert_eq!(again["Data"], one["Data"]);
    let calls = moto.calls();
    assert_eq!(calls.iter().filter(|call| *call == "PutSecretValue").count(), 1, "{calls:?}");
    assert_eq!(calls.iter().filter(|call| *call == "DescribeSecret").count(), 4, "{calls:?}");
    assert_eq!(calls.len(), 5, "the secret value is not read: {calls:?}");

    let public = one["Data"]["PublicKeys"].as_str().unwrap();
    handle(first, "Delete", properties).await;
    let stored = moto.call("GetSecretValue", &json!({"SecretId": arn})).await["SecretString"].clone();
    let context = with_values(context, &stored).with("JWT_PUBLIC_KEYS", public);
    let ada = sign_up(&context, "ada").await;
    assert_eq!(write(&context, &ada).await.status, 201);
    for environment in &environments {
        let value: Value = serde_json::from_str(stored.as_str().unwrap()).unwrap();
        let key = value["JWT_PRIVATE_KEY"].as_str().unwrap().lines().nth(1).unwrap();
        let log = environment.log();
        assert!(!log.contains(key) && !log.contains(value["PASSWORD_PEPPER"].as_str().unwrap()));
    }
}

/// Adds the next key to a secret as the runbook says: an operator, who alone may read it, adds a value that is not
/// current yet. Returns the id of that version.
pub(crate) async fn add_next_key(moto: &Moto, arn: &str) -> String {
    let value = moto.call("GetSecretValue", &json!({"SecretId": arn})).await;
    let mut value: Value = serde_json::from_str(value["SecretString"].as_str().unwrap()).unwrap();
    let next = generate();
    value["JWT_PRIVATE_KEY"] = next.private_pem.into();
    let (id, labels) = (hex::encode(next.public), ["AWSPENDING"]);
    let put = json!({"SecretId": arn, "SecretString": value.to_string(), "ClientRequestToken": id, "VersionStages": labels});
    moto.call("PutSecretValue", &put).await;
    id
}

/// Makes a version of a secret the current one.
pub(crate) async fn promote(moto: &Moto, arn: &str, id: &str) {
    let described = moto.call("DescribeSecret", &json!({"SecretId": arn})).await;
    let versions = described["VersionIdsToStages"].as_object().unwrap();
    let current = versions.iter().find(|(_, labels)| labels[0] == "AWSCURRENT").unwrap().0;
    let promote = json!({"SecretId": arn, "VersionStage": "AWSCURRENT", "MoveToVersionId": id, "RemoveFromVersionId": current});
    moto.call("UpdateSecretVersionStage", &promote).await;
}

#[tokio::test]
async fn a_key_rotation_publishes_the_next_key_before_it_signs_and_tokens_of_both_are_valid() {
    let moto = Moto::start().await;
    let context = TestContext::new().await.with("AWS_ENDPOINT_URL_SECRETS_MANAGER", moto.url());
    let arn = moto.create("bookshelf", None).await;
    let maintenance = start(&context).await;
    let deploy = async || handle(&maintenance, "Update", json!({"Task": "keys", "SecretArn": arn})).await;
    let with = |context: TestContext, response: &Value| {
        context.with("JWT_PUBLIC_KEYS", response["Data"]["PublicKeys"].as_str().unwrap())
    };
    let before = deploy().await;
    let context = with(context, &before);
    let stored = async || {
        moto.call("GetSecretValue", &json!({"SecretId": arn, "VersionStage": "AWSCURRENT"})).await["SecretString"].clone()
    };
    let ada = sign_up(&with_values(context.clone(), &stored().await), "ada").await;

    let id = add_next_key(&moto, &arn).await;
    let announced = deploy().await;
    assert_eq!((keys(&announced).len(), &keys(&announced)[0]), (2, &keys(&before)[0]));
    let context = with(context, &announced);
    promote(&moto, &arn, &id).await;
    let promoted = deploy().await;
    assert_eq!(keys(&promoted), [keys(&announced)[1].clone(), keys(&announced)[0].clone()]);

    // A function that starts before that deployment accepts both keys as well.
    let bob = sign_up(&with_values(context.clone(), &stored().await), "bob").await;
    for user in [&ada, &bob] {
        assert_eq!(write(&context, user).await.status, 201);
    }
    let header = |user: &TestUser| user.access.split('.').next().unwrap().to_owned();
    assert_ne!(header(&ada), header(&bob), "another key, another kid");
}

#[tokio::test]
async fn a_secret_that_this_function_did_not_write_is_not_changed() {
    let moto = Moto::start().await;
    let context = TestContext::new().await.with("AWS_ENDPOINT_URL_SECRETS_MANAGER", moto.url());
    let maintenance = start(&context).await;
    let theirs = moto.create("theirs", Some("{}")).await;
    let failed = handle(&maintenance, "Create", json!({"Task": "keys", "SecretArn": theirs})).await;
    assert_eq!(failed["Status"], "FAILED");
    assert!(failed["Reason"].as_str().unwrap().contains("not written by this function"), "{failed}");
    let missing = handle(&maintenance, "Create", json!({"Task": "keys", "SecretArn": "none"})).await;
    let reason = "the secret: ResourceNotFoundException: Secrets Manager can't find the specified secret.";
    assert_eq!(missing["Reason"], reason);
    assert!(!moto.calls().contains(&"PutSecretValue".to_owned()));
}

#[tokio::test]
async fn the_reason_fits_into_a_response_however_long_the_error_is() {
    let context = TestContext::new().await;
    let foreign = "
        alter table refinery_schema_history alter name type text;
        insert into refinery_schema_history select 0, repeat('x', 4000), '2026-11-22T12:34:56Z', '1'";
    context.database().await.batch_execute(foreign).await.unwrap();
    let failed = handle(&start(&context).await, "Create", json!({"Task": "migrate"})).await;
    let reason = failed["Reason"].as_str().unwrap();
    assert!(failed["Status"] == "FAILED" && reason.starts_with("migration: "), "{reason}");
    assert!(failed.to_string().len() < 4096, "CloudFormation takes no more");
}

/// Without a response `CloudFormation` waits for an hour.
#[tokio::test]
async fn a_task_that_takes_too_long_is_reported_as_failed_before_the_function_times_out() {
    let context = TestContext::new().await;
    let mut database = context.database().await;
    let blocking = database.transaction().await.unwrap();
    blocking.batch_execute("lock table refinery_schema_history").await.unwrap();
    let bucket = ResponseBucket::start(&[]).await;
    let request = request("Create", &bucket.url(), &json!({"Task": "migrate"}));
    let mut event = invocation_event(&request.to_string()).unwrap();
    let deadline = SystemTime::now() + Duration::from_secs(11);
    event.context.deadline = deadline.duration_since(UNIX_EPOCH).unwrap().as_millis().try_into().unwrap();
    App::from_env(&context.env()).unwrap().handle(event).await.unwrap();
    let response = bucket.last();
    assert_eq!(
        (&response["Status"], &response["Reason"]),
        (&json!("FAILED"), &json!("the task was not done in time"))
    );
}
