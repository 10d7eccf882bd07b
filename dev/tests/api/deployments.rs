//! What a deployment asks of `maintenance`: custom resources of `CloudFormation`, answered by real processes.

mod mailbox;
mod waking;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use maintenance::App;
use serde_json::{Value, json};
use shared::identity::tokens::generate;
use stack::environment::ExecutionEnvironment;
use testkit::{Client, Failure, TestContext, incoming};

use crate::maintenance::empty;
use crate::secret::{Manager, with_secret};
use crate::users::{PASSWORD, log_in, register, text};
use mailbox::Mailbox;

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

/// Lets `maintenance` answer, and tells what the mailbox then holds.
async fn answer(maintenance: &ExecutionEnvironment, kind: &str, properties: Value) -> Value {
    let mailbox = Mailbox::open(&[]).await;
    let report = maintenance.invoke(&request(kind, &mailbox.url(), &properties).to_string()).await.unwrap();
    assert_eq!(mailbox.everything().len(), 1);
    let answer = mailbox.last();
    assert_eq!((&report["task"], &report["status"]), (&json!("custom_resource"), &answer["Status"]));
    answer
}

async fn start(context: &TestContext) -> ExecutionEnvironment {
    ExecutionEnvironment::start("maintenance", context.variables()).await.unwrap()
}

#[tokio::test]
async fn a_deployment_migrates_and_is_told_so() {
    let context = TestContext::new().await;
    empty(&context).await;
    let maintenance = start(&context).await;
    let properties = json!({"ServiceToken": "arn", "Task": "migrate", "Version": "2026-11-22T10:00:00Z"});
    let created = answer(&maintenance, "Create", properties.clone()).await;
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
    let updated = answer(&maintenance, "Update", properties.clone()).await;
    assert_eq!((&updated["Data"], &updated["Status"]), (&json!({"Applied": ""}), &json!("SUCCESS")));
    assert_eq!(updated["PhysicalResourceId"], "Migration-of-old", "another one would be another resource");
    empty(&context).await;
    assert_eq!(answer(&maintenance, "Delete", properties).await["Status"], "SUCCESS");
    let left = "select count(*) from pg_tables where schemaname = 'public'";
    let left: i64 = context.database().await.query_one(left, &[]).await.unwrap().get(0);
    assert_eq!(left, 0, "a deletion migrates nothing");
}

#[tokio::test]
async fn a_step_that_fails_is_answered_with_a_reason_that_holds_no_secret() {
    let context = TestContext::new().await;
    let maintenance = start(&context).await;
    for properties in [
        json!({}),
        json!({"Task": "purge"}),
        json!({"Task": "set_role", "username": "ada", "role": "admin"}),
        json!({"Task": "keys"}),
        json!({"Task": ["migrate"]}),
        json!(null),
        json!("migrate"),
    ] {
        let failed = answer(&maintenance, "Create", properties.clone()).await;
        assert_eq!(failed["Status"], "FAILED", "{properties}");
        let reason = "the properties must be Task: migrate, or Task: keys and SecretArn";
        assert_eq!((&failed["Reason"], &failed["Data"]), (&json!(reason), &json!({})));
        let deleted = answer(&maintenance, "Delete", properties).await;
        assert_eq!(deleted["Status"], "SUCCESS", "or a stack that failed could not be deleted");
    }
    let url = context.variable("DATABASE_URL").replacen("://", "://nobody-", 1);
    let maintenance = start(&context.with("DATABASE_URL", &url)).await;
    let failed = answer(&maintenance, "Update", json!({"Task": "migrate"})).await;
    let reason = failed["Reason"].as_str().unwrap();
    assert!(failed["Status"] == "FAILED" && reason.starts_with("postgres: "), "{failed}");
    let password = url.split([':', '@']).nth(2).unwrap();
    assert!(!failed.to_string().contains(password) && !maintenance.log().contains(password));
    assert!(!maintenance.log().contains("X-Amz-Signature"), "whoever has the URL can answer");
}

#[tokio::test]
async fn an_answer_is_handed_in_again_until_it_is_taken() {
    let maintenance = start(&TestContext::new().await).await;
    let mailbox = Mailbox::open(&[503, 500]).await;
    let delete = |url: &str| request("Delete", url, &json!({})).to_string();
    maintenance.invoke(&delete(&mailbox.url())).await.unwrap();
    let answers = mailbox.everything();
    assert_eq!(answers.len(), 3);
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    let mailbox = Mailbox::open(&[403]).await;
    let refused = maintenance.invoke(&delete(&mailbox.url())).await.unwrap_err();
    assert_eq!(refused.error_message, "CloudFormation was not answered: the answer was refused");
    assert_eq!(mailbox.everything().len(), 1, "said again it would be refused again");
}

#[tokio::test]
async fn a_url_that_is_none_or_leads_elsewhere_ends_an_event_and_not_the_process() {
    let maintenance = start(&TestContext::new().await).await;
    for url in
        ["", "nonsense", "/path", "http://example.com/", "ftp://127.0.0.1/", "https://", "http://[", "\u{0}"]
    {
        let Failure { error_message, .. } =
            maintenance.invoke(&request("Delete", url, &json!({})).to_string()).await.unwrap_err();
        let expected = "CloudFormation was not answered: its URL is none that an answer may be sent to";
        assert_eq!(error_message, expected, "{url}");
    }
    // Without what `CloudFormation` always sends there is nobody to answer.
    for event in
        [json!({"RequestType": "Create"}), json!({"RequestType": "Replace", "ResponseURL": "https://a"})]
    {
        maintenance.invoke(&event.to_string()).await.unwrap_err();
    }
    assert!(maintenance.is_alive());
}

/// The `x` of each public key that the answer holds, the one that signs first.
fn keys(answer: &Value) -> Vec<String> {
    assert_eq!(answer["Status"], "SUCCESS", "{answer}");
    let set: Value = serde_json::from_str(answer["Data"]["PublicKeys"].as_str().unwrap()).unwrap();
    set["keys"].as_array().unwrap().iter().map(|key| key["x"].to_string()).collect()
}

#[tokio::test]
async fn a_deployment_gets_keys_once_and_the_same_public_ones_ever_after() {
    let manager = Manager::start().await;
    let context = TestContext::new().await.with("AWS_ENDPOINT_URL_SECRETS_MANAGER", manager.url());
    let arn = manager.create("bookshelf", None).await;
    let properties = json!({"Task": "keys", "SecretArn": arn});
    let environments = [start(&context).await, start(&context).await, start(&context).await];
    let [first, second, third] = &environments;
    let (one, two, three) = tokio::join!(
        answer(first, "Create", properties.clone()),
        answer(second, "Create", properties.clone()),
        answer(third, "Create", properties.clone()),
    );
    assert_eq!((keys(&one).len(), keys(&one), keys(&two)), (1, keys(&two), keys(&three)));
    let again = answer(first, "Update", properties.clone()).await;
    assert_eq!(again["Data"], one["Data"]);
    let calls = manager.calls();
    assert_eq!(calls.iter().filter(|call| *call == "PutSecretValue").count(), 1, "{calls:?}");
    assert_eq!(calls.iter().filter(|call| *call == "DescribeSecret").count(), 4, "{calls:?}");
    assert_eq!(calls.len(), 5, "and what is secret is not read: {calls:?}");

    let public = one["Data"]["PublicKeys"].as_str().unwrap();
    let auth = with_secret(context, &manager, &arn).with("JWT_PUBLIC_KEYS", public);
    let auth = Client::of(ExecutionEnvironment::start("auth", auth.variables()).await.unwrap());
    assert_eq!(register(&auth, "ada").await.status, 201);
    assert_eq!(log_in(&auth, "ada", PASSWORD).await.status, 200);
    answer(first, "Delete", properties).await;
    let kept = manager.call("GetSecretValue", &json!({"SecretId": arn})).await["SecretString"].clone();
    for environment in &environments {
        let value: Value = serde_json::from_str(kept.as_str().unwrap()).unwrap();
        let key = value["JWT_PRIVATE_KEY"].as_str().unwrap().lines().nth(1).unwrap();
        let log = environment.log();
        assert!(!log.contains(key) && !log.contains(value["PASSWORD_PEPPER"].as_str().unwrap()));
    }
}

#[tokio::test]
async fn a_key_is_announced_then_signs_then_is_remembered_and_tokens_of_both_are_good() {
    let manager = Manager::start().await;
    let context = TestContext::new().await.with("AWS_ENDPOINT_URL_SECRETS_MANAGER", manager.url());
    let arn = manager.create("bookshelf", None).await;
    let maintenance = start(&context).await;
    let deploy = async || answer(&maintenance, "Update", json!({"Task": "keys", "SecretArn": arn})).await;
    let context = with_secret(context, &manager, &arn);
    let with = |context: TestContext, answer: &Value| {
        context.with("JWT_PUBLIC_KEYS", answer["Data"]["PublicKeys"].as_str().unwrap())
    };
    let before = deploy().await;
    let context = with(context, &before);
    let auth = Client::of(ExecutionEnvironment::start("auth", context.variables()).await.unwrap());
    assert_eq!(register(&auth, "ada").await.status, 201);
    let old = text(&log_in(&auth, "ada", PASSWORD).await, "access_token");

    // The runbook: an operator, who alone may read the secret, adds a value that is not yet current.
    let value = manager.call("GetSecretValue", &json!({"SecretId": arn})).await;
    let mut value: Value = serde_json::from_str(value["SecretString"].as_str().unwrap()).unwrap();
    let next = generate();
    value["JWT_PRIVATE_KEY"] = next.private_pem.into();
    let (id, contexts) = (hex::encode(next.public), ["AWSPENDING"]);
    let put = json!({"SecretId": arn, "SecretString": value.to_string(), "ClientRequestToken": id, "VersionStages": contexts});
    manager.call("PutSecretValue", &put).await;
    let announced = deploy().await;
    assert_eq!((keys(&announced).len(), &keys(&announced)[0]), (2, &keys(&before)[0]));
    let context = with(context, &announced);
    let described = manager.call("DescribeSecret", &json!({"SecretId": arn})).await;
    let versions = described["VersionIdsToStages"].as_object().unwrap();
    let current = versions.iter().find(|(_, contexts)| contexts[0] == "AWSCURRENT").unwrap().0;
    let promote = json!({"SecretId": arn, "VersionStage": "AWSCURRENT", "MoveToVersionId": id, "RemoveFromVersionId": current});
    manager.call("UpdateSecretVersionStage", &promote).await;
    let promoted = deploy().await;
    assert_eq!(keys(&promoted), [keys(&announced)[1].clone(), keys(&announced)[0].clone()]);

    // Already before that deployment a function that starts knows both keys.
    let auth = Client::of(ExecutionEnvironment::start("auth", context.variables()).await.unwrap());
    let new = text(&log_in(&auth, "ada", PASSWORD).await, "access_token");
    for token in [&old, &new] {
        assert_eq!(auth.get("/auth/me").bearer(token).send().await.status, 200);
    }
    let header = |token: &str| token.split('.').next().unwrap().to_owned();
    assert_ne!(header(&old), header(&new), "another key, another kid");
}

#[tokio::test]
async fn a_secret_of_somebody_elses_making_is_left_alone() {
    let manager = Manager::start().await;
    let context = TestContext::new().await.with("AWS_ENDPOINT_URL_SECRETS_MANAGER", manager.url());
    let maintenance = start(&context).await;
    let theirs = manager.create("theirs", Some("{}")).await;
    let failed = answer(&maintenance, "Create", json!({"Task": "keys", "SecretArn": theirs})).await;
    assert_eq!(failed["Status"], "FAILED");
    assert!(failed["Reason"].as_str().unwrap().contains("not written by this function"), "{failed}");
    let missing = answer(&maintenance, "Create", json!({"Task": "keys", "SecretArn": "none"})).await;
    assert_eq!(missing["Reason"], "the secret: ResourceNotFoundException");
    assert!(!manager.calls().contains(&"PutSecretValue".to_owned()));
}

#[tokio::test]
async fn a_reason_fits_into_an_answer_however_long_the_error_is() {
    let context = TestContext::new().await;
    let foreign = "
        alter table refinery_schema_history alter name type text;
        insert into refinery_schema_history select 0, repeat('x', 4000), '2026-11-22T12:34:56Z', '1'";
    context.database().await.batch_execute(foreign).await.unwrap();
    let failed = answer(&start(&context).await, "Create", json!({"Task": "migrate"})).await;
    let reason = failed["Reason"].as_str().unwrap();
    assert!(failed["Status"] == "FAILED" && reason.starts_with("migration: "), "{reason}");
    assert!(failed.to_string().len() < 4096, "CloudFormation takes no more");
}

/// Who waits for `CloudFormation`'s patience to end waits for an hour.
#[tokio::test]
async fn a_task_that_takes_too_long_is_given_up_while_there_is_time_to_say_so() {
    let context = TestContext::new().await;
    let mut database = context.database().await;
    let in_the_way = database.transaction().await.unwrap();
    in_the_way.batch_execute("lock table refinery_schema_history").await.unwrap();
    let mailbox = Mailbox::open(&[]).await;
    let request = request("Create", &mailbox.url(), &json!({"Task": "migrate"}));
    let mut event = incoming(&request.to_string()).unwrap();
    let deadline = SystemTime::now() + Duration::from_secs(11);
    event.context.deadline = deadline.duration_since(UNIX_EPOCH).unwrap().as_millis().try_into().unwrap();
    App::from_env(&context.env()).unwrap().answer(event).await.unwrap();
    let answer = mailbox.last();
    assert_eq!(
        (&answer["Status"], &answer["Reason"]),
        (&json!("FAILED"), &json!("the task was not done in time"))
    );
}
