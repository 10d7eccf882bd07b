//! A deployment that replaces the database must not lose its data.

use serde_json::{Value, json};
use stack::environment::ExecutionEnvironment;
use testkit::TestContext;

use super::response_bucket::ResponseBucket;
use super::{request, start};
use crate::support::migrations::empty_database;

/// Asks for the migration of an update, with the database before and after it, and returns the response.
async fn update(maintenance: &ExecutionEnvironment, old: &Value, new: &Value) -> Value {
    let bucket = ResponseBucket::start(&[]).await;
    let mut update = request("Update", &bucket.url(), new);
    update["OldResourceProperties"] = old.clone();
    maintenance.invoke(&update.to_string()).await.unwrap();
    bucket.last()
}

fn migration_of(database: &str) -> Value {
    json!({"ServiceToken": "arn", "Task": "migrate", "Database": database})
}

async fn tables(context: &TestContext) -> i64 {
    let sql = "select count(*) from pg_tables where schemaname = 'public'";
    context.database().await.query_one(sql, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn a_deployment_does_not_replace_the_database_by_an_empty_one() {
    let context = TestContext::new().await;
    empty_database(&context).await;
    let maintenance = start(&context).await;
    let history = "create table refinery_schema_history (
        version int4 primary key, name varchar(255), applied_on varchar(255), checksum varchar(255))";
    for (state, tables_in_it) in [("select", 0), (history, 1)] {
        context.database().await.batch_execute(state).await.unwrap();
        let refused = update(&maintenance, &migration_of("cluster-OLD"), &migration_of("cluster-NEW")).await;
        assert_eq!(refused["Status"], "FAILED", "{refused}");
        let reason = refused["Reason"].as_str().unwrap();
        for part in [
            "would replace the database by an empty one",
            "the old database is kept when the deployment rolls back",
            "DatabaseSnapshot",
            "delete the stack",
        ] {
            assert!(reason.contains(part), "{part}: {reason}");
        }
        assert_eq!(tables(&context).await, tables_in_it, "nothing was migrated");
        assert!(maintenance.log().contains("a step of a deployment failed"));
    }
}

#[tokio::test]
async fn a_replacement_that_has_the_data_is_migrated() {
    let context = TestContext::new().await;
    let maintenance = start(&context).await;
    let migrated = update(&maintenance, &migration_of("cluster-OLD"), &migration_of("cluster-NEW")).await;
    assert_eq!(migrated["Status"], "SUCCESS", "{migrated}");
}

#[tokio::test]
async fn an_empty_database_that_replaces_none_is_migrated() {
    let context = TestContext::new().await;
    let maintenance = start(&context).await;
    let (new, unnamed) = (migration_of("cluster-NEW"), json!({"Task": "migrate"}));
    for (old, new) in
        [(&new, &new), (&unnamed, &new), (&new, &unnamed), (&json!({}), &new), (&json!(null), &new)]
    {
        empty_database(&context).await;
        let migrated = update(&maintenance, old, new).await;
        assert_eq!(migrated["Status"], "SUCCESS", "{old}: {migrated}");
        assert!(tables(&context).await > 1);
    }
}
