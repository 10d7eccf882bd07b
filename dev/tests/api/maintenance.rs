//! The tasks of `maintenance`, started by direct events: migrations, roles and the purge.

mod failures;
mod limits;
mod purge;

use serde_json::json;
use shared::stores::postgres::ConnectionSettings;
use stack::environment::ExecutionEnvironment;
use testkit::TestContext;
use testkit::users::sign_up;

use crate::support::clients::probe;
use crate::support::locks::until_a_lock_is_awaited;
use crate::support::migrations::empty_database;
use crate::support::responses::assert_problem;
use crate::support::tasks::run;

/// The names of the migrations, in order.
fn names() -> Vec<String> {
    let folder = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../migrations")).unwrap();
    let files = folder.map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = files.map(|file| file.trim_end_matches(".sql").to_owned()).collect();
    names.sort_by_key(|name| name[1..].split_once("__").unwrap().0.parse::<u32>().unwrap());
    names
}

async fn process(context: &TestContext) -> ExecutionEnvironment {
    ExecutionEnvironment::start("maintenance", context.variables()).await.unwrap()
}

const MIGRATE: &str = r#"{"task":"migrate"}"#;
const DRY_RUN: &str = r#"{"task":"migrate","dry_run":true}"#;

#[tokio::test]
async fn one_of_two_processes_migrates_an_empty_database_and_the_other_has_nothing_to_do() {
    let context = TestContext::new().await;
    empty_database(&context).await;
    let (one, other) = (process(&context).await, process(&context).await);
    let (one, other) = tokio::join!(one.invoke(MIGRATE), other.invoke(MIGRATE));
    let mut applied = [one.unwrap()["applied"].clone(), other.unwrap()["applied"].clone()];
    applied.sort_by_key(|names| names.as_array().unwrap().len());
    assert_eq!(applied, [json!([]), json!(names())]);
}

#[tokio::test]
async fn the_unfinished_migration_of_a_killed_process_is_rolled_back_and_the_next_process_completes_it() {
    let context = TestContext::new().await;
    empty_database(&context).await;
    // The third migration adds a column and an index, and then waits for the transaction that creates this table.
    let mut database = context.database().await;
    let blocking = database.transaction().await.unwrap();
    blocking.batch_execute("create table login_guesses (n integer)").await.unwrap();
    let killed = process(&context).await;
    let migrating = killed.clone();
    let migrating = tokio::spawn(async move { migrating.invoke(MIGRATE).await });
    // On another connection, since inside the transaction the result would not change.
    let observer = context.database().await;
    until_a_lock_is_awaited(&observer).await;
    killed.kill().await;
    migrating.await.unwrap().unwrap_err();
    blocking.rollback().await.unwrap();

    let next = process(&context).await;
    let report = next.invoke(MIGRATE).await.unwrap();
    assert_eq!(report, json!({"task": "migrate", "applied": names()[2..], "pending": []}));
    assert_eq!(next.invoke(DRY_RUN).await.unwrap()["pending"], json!([]));
    sign_up(&context, "ada").await;
}

#[tokio::test]
async fn a_dry_run_reports_pending_migrations_and_changes_nothing() {
    let context = TestContext::new().await;
    let maintenance = process(&context).await;
    let expected = |pending: Vec<String>| json!({"task": "migrate", "applied": [], "pending": pending});
    assert_eq!(maintenance.invoke(DRY_RUN).await.unwrap(), expected(vec![]));
    empty_database(&context).await;
    assert_eq!(maintenance.invoke(DRY_RUN).await.unwrap(), expected(names()));
    let tables = "select count(*) from pg_tables where schemaname = 'public'";
    let tables: i64 = context.database().await.query_one(tables, &[]).await.unwrap().get(0);
    assert_eq!(tables, 0);
}

#[tokio::test]
async fn a_migration_that_differs_from_the_applied_one_is_refused_by_name() {
    let context = TestContext::new().await;
    let maintenance = process(&context).await;
    let database = context.database().await;
    let last = names().pop().unwrap();
    // One migration is pending, and another one has a different checksum.
    let version: i32 = last[1..].split_once("__").unwrap().0.parse().unwrap();
    database.execute("delete from refinery_schema_history where version = $1", &[&version]).await.unwrap();
    database
        .batch_execute("update refinery_schema_history set checksum = '1' where version = 2")
        .await
        .unwrap();
    for task in [MIGRATE, DRY_RUN] {
        let refusal = maintenance.invoke(task).await.unwrap_err().error_message;
        assert!(refusal.contains("V2__books"), "{refusal}");
    }
    let applied = "select count(*) from refinery_schema_history";
    let applied: i64 = database.query_one(applied, &[]).await.unwrap().get(0);
    assert_eq!(usize::try_from(applied).unwrap(), names().len() - 1);
}

/// The state after a rollback of a deployment, or when an older commit is deployed again.
#[tokio::test]
async fn a_database_migrated_by_a_later_version_is_not_changed() {
    let context = TestContext::new().await;
    let maintenance = process(&context).await;
    let database = context.database().await;
    let later = "insert into refinery_schema_history values (1000, 'later', '2026-11-22T12:34:56Z', '1')";
    database.batch_execute(later).await.unwrap();
    let nothing = json!({"task": "migrate", "applied": [], "pending": []});
    for task in [MIGRATE, DRY_RUN] {
        assert_eq!(maintenance.invoke(task).await.unwrap(), nothing);
    }
    // All known migrations must still be applied, and unchanged.
    database.batch_execute("create table saved as table refinery_schema_history").await.unwrap();
    for (change, named) in [
        ("update refinery_schema_history set checksum = '1' where version = 2", "V2__books"),
        ("delete from refinery_schema_history where version = 2", "V1000__later"),
        (
            "insert into refinery_schema_history values (0, 'foreign', '2026-11-22T12:34:56Z', '1')",
            "V0__foreign",
        ),
    ] {
        database.batch_execute(change).await.unwrap();
        for task in [MIGRATE, DRY_RUN] {
            let refusal = maintenance.invoke(task).await.unwrap_err().error_message;
            assert!(refusal.contains(named), "{change}: {refusal}");
        }
        let back = "truncate refinery_schema_history; insert into refinery_schema_history table saved";
        database.batch_execute(back).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_parallel_migrators_migrates_and_the_others_have_nothing_to_do() {
    let context = TestContext::new().await;
    empty_database(&context).await;
    let database = ConnectionSettings::from_env(&context.env()).unwrap();
    let migrators: Vec<_> = (0..4)
        .map(|_| {
            let database = database.clone();
            tokio::spawn(async move { maintenance::migrate(&database).await.unwrap().applied.len() })
        })
        .collect();
    let mut applied = Vec::new();
    for migrator in migrators {
        applied.push(migrator.await.unwrap());
    }
    applied.sort_unstable();
    assert_eq!(applied, [0, 0, 0, names().len()]);
    let nothing = json!({"task": "migrate", "applied": [], "pending": []});
    assert_eq!(run(&context, json!({"task": "migrate"})).await, Ok(nothing));
}

#[tokio::test]
async fn a_new_role_applies_from_the_next_request_on() {
    let context = TestContext::new().await;
    let ada = sign_up(&context, "Ada").await;
    let probe = probe(&context);
    let delete = async || probe.delete("/probe/notes/1").bearer(&ada.access).send().await;
    assert_problem(&delete().await, 403);
    let report = run(&context, json!({"task": "set_role", "username": "ADA", "role": "admin"})).await;
    assert_eq!(
        report,
        Ok(json!({"task": "set_role", "user_id": ada.id, "username": "Ada", "role": "admin"}))
    );
    assert_problem(&delete().await, 404);
    run(&context, json!({"task": "set_role", "username": "Ada", "role": "user"})).await.unwrap();
    assert_problem(&delete().await, 403);
}

#[tokio::test]
async fn an_invalid_task_is_refused_and_changes_nothing() {
    let context = TestContext::new().await;
    for event in [
        json!({}),
        json!({"task": "drop"}),
        json!({"task": "migrate", "force": true}),
        json!({"task": "migrate", "dry_run": "yes"}),
        json!({"task": "keys"}),
        json!({"task": "origin_secret"}),
        json!({"task": "settings_digest", "values": {}}),
        json!({"task": "migrate", "is_replacement": true}),
        json!({"detail-type": "Scheduled Event"}),
        json!({"detail-type": "Scheduled Event", "source": "aws.s3"}),
        json!({"task": "set_role", "username": "ada"}),
        json!({"task": "set_role", "username": "ada", "role": "root"}),
        json!({"task": "set_role", "username": "nobody", "role": "admin"}),
        json!("migrate"),
        json!(null),
    ] {
        assert!(run(&context, event.clone()).await.is_err(), "{event}");
    }
}
