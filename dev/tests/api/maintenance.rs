//! Direct events: tasks that no caller may ask for.

use serde_json::json;
use shared::stores::postgres::ConnectionSettings;
use stack::environment::ExecutionEnvironment;
use testkit::TestContext;

use crate::tasks::run;
use crate::users::{assert_problem, auth, set_role, sign_up};

/// Leaves nothing in the database.
pub(crate) async fn empty(context: &TestContext) {
    context.database().await.batch_execute("drop schema public cascade; create schema public").await.unwrap();
}

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
const REHEARSE: &str = r#"{"task":"migrate","dry_run":true}"#;

#[tokio::test]
async fn of_two_processes_on_an_empty_database_one_migrates_and_the_other_finds_it_done() {
    let context = TestContext::new().await;
    empty(&context).await;
    let (one, other) = (process(&context).await, process(&context).await);
    let (one, other) = tokio::join!(one.invoke(MIGRATE), other.invoke(MIGRATE));
    let mut applied = [one.unwrap()["applied"].clone(), other.unwrap()["applied"].clone()];
    applied.sort_by_key(|names| names.as_array().unwrap().len());
    assert_eq!(applied, [json!([]), json!(names())]);
}

#[tokio::test]
async fn what_a_killed_migrator_left_half_done_is_undone_and_the_next_one_finishes_the_job() {
    let context = TestContext::new().await;
    empty(&context).await;
    // The third migration adds a column and an index, and then waits for whoever is making a table of this name.
    let mut database = context.database().await;
    let in_the_way = database.transaction().await.unwrap();
    in_the_way.batch_execute("create table login_guesses (n integer)").await.unwrap();
    let killed = process(&context).await;
    let migrating = killed.clone();
    let migrating = tokio::spawn(async move { migrating.invoke(MIGRATE).await });
    let waiting = "select count(*) from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock'";
    // Asked beside the transaction, within which the answer would stay the same.
    let beside = context.database().await;
    while beside.query_one(waiting, &[]).await.unwrap().get::<_, i64>(0) == 0 {}
    killed.kill().await;
    migrating.await.unwrap().unwrap_err();
    in_the_way.rollback().await.unwrap();

    let next = process(&context).await;
    let report = next.invoke(MIGRATE).await.unwrap();
    assert_eq!(report, json!({"task": "migrate", "applied": names()[2..], "pending": []}));
    assert_eq!(next.invoke(REHEARSE).await.unwrap()["pending"], json!([]));
    sign_up(&context, "ada").await;
}

#[tokio::test]
async fn a_rehearsal_tells_what_is_pending_and_changes_nothing() {
    let context = TestContext::new().await;
    let maintenance = process(&context).await;
    let expected = |pending: Vec<String>| json!({"task": "migrate", "applied": [], "pending": pending});
    assert_eq!(maintenance.invoke(REHEARSE).await.unwrap(), expected(vec![]));
    empty(&context).await;
    assert_eq!(maintenance.invoke(REHEARSE).await.unwrap(), expected(names()));
    let tables = "select count(*) from pg_tables where schemaname = 'public'";
    let tables: i64 = context.database().await.query_one(tables, &[]).await.unwrap().get(0);
    assert_eq!(tables, 0);
}

#[tokio::test]
async fn a_migration_that_is_not_the_one_that_was_applied_is_refused_by_name() {
    let context = TestContext::new().await;
    let maintenance = process(&context).await;
    let database = context.database().await;
    let last = names().pop().unwrap();
    // One is still to be applied, and another one is not what it was.
    let version: i32 = last[1..].split_once("__").unwrap().0.parse().unwrap();
    database.execute("delete from refinery_schema_history where version = $1", &[&version]).await.unwrap();
    database
        .batch_execute("update refinery_schema_history set checksum = '1' where version = 2")
        .await
        .unwrap();
    for task in [MIGRATE, REHEARSE] {
        let refusal = maintenance.invoke(task).await.unwrap_err().error_message;
        assert!(refusal.contains("V2__books"), "{refusal}");
    }
    let applied = "select count(*) from refinery_schema_history";
    let applied: i64 = database.query_one(applied, &[]).await.unwrap().get(0);
    assert_eq!(usize::try_from(applied).unwrap(), names().len() - 1);
}

/// As a deployment that is rolled back leaves it, and an older commit that is deployed again finds it.
#[tokio::test]
async fn a_database_that_a_later_version_migrated_is_left_as_it_is() {
    let context = TestContext::new().await;
    let maintenance = process(&context).await;
    let database = context.database().await;
    let later = "insert into refinery_schema_history values (1000, 'later', '2026-11-22T12:34:56Z', '1')";
    database.batch_execute(later).await.unwrap();
    let nothing = json!({"task": "migrate", "applied": [], "pending": []});
    for task in [MIGRATE, REHEARSE] {
        assert_eq!(maintenance.invoke(task).await.unwrap(), nothing);
    }
    // What was applied of ours must be all of ours, and unchanged, all the same.
    database.batch_execute("create table kept as table refinery_schema_history").await.unwrap();
    for (change, named) in [
        ("update refinery_schema_history set checksum = '1' where version = 2", "V2__books"),
        ("delete from refinery_schema_history where version = 2", "V1000__later"),
        (
            "insert into refinery_schema_history values (0, 'foreign', '2026-11-22T12:34:56Z', '1')",
            "V0__foreign",
        ),
    ] {
        database.batch_execute(change).await.unwrap();
        for task in [MIGRATE, REHEARSE] {
            let refusal = maintenance.invoke(task).await.unwrap_err().error_message;
            assert!(refusal.contains(named), "{change}: {refusal}");
        }
        let back = "truncate refinery_schema_history; insert into refinery_schema_history table kept";
        database.batch_execute(back).await.unwrap();
    }
}

#[tokio::test]
async fn the_event_of_a_schedule_means_a_purge() {
    let context = TestContext::new().await;
    let maintenance = process(&context).await;
    let event = |source: &str| {
        json!({
            "version": "0",
            "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa",
            "detail-type": "Scheduled Event",
            "source": source,
            "account": "123456789012",
            "time": "2026-11-22T03:00:00Z",
            "region": "eu-central-1",
            "resources": ["arn:aws:events:eu-central-1:123456789012:rule/purge"],
            "detail": {},
        })
        .to_string()
    };
    for source in ["aws.events", "aws.scheduler"] {
        assert_eq!(maintenance.invoke(&event(source)).await.unwrap()["task"], "purge");
    }
    maintenance.invoke(&event("com.example")).await.unwrap_err();
    assert!(maintenance.is_alive());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_parallel_migrators_one_migrates_and_the_others_find_it_done() {
    let context = TestContext::new().await;
    empty(&context).await;
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
async fn a_role_counts_from_the_next_request_on() {
    let context = TestContext::new().await;
    let ada = sign_up(&context, "Ada").await;
    let auth = auth(&context);
    let visit = async || auth.get("/auth/admin-only").bearer(&ada.access).send().await;
    assert_problem(&visit().await, 403);
    let report = run(&context, json!({"task": "set_role", "username": "ADA", "role": "admin"})).await;
    assert_eq!(
        report,
        Ok(json!({"task": "set_role", "user_id": ada.id, "username": "Ada", "role": "admin"}))
    );
    assert_eq!(visit().await.status, 200);
    set_role(&context, &ada.name, "user").await;
    assert_problem(&visit().await, 403);
}

#[tokio::test]
async fn an_event_that_is_no_task_is_refused_and_changes_nothing() {
    let context = TestContext::new().await;
    for event in [
        json!({}),
        json!({"task": "drop"}),
        json!({"task": "migrate", "force": true}),
        json!({"task": "migrate", "dry_run": "yes"}),
        json!({"task": "keys"}),
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

#[tokio::test]
async fn a_purge_deletes_what_is_over_and_leaves_what_lives() {
    let context = TestContext::new().await;
    let ada = sign_up(&context, "ada").await;
    let auth = auth(&context);
    let other = crate::users::log_in(&auth.elsewhere(), "ada", crate::users::PASSWORD).await;
    let database = context.database().await;
    let session = crate::users::session_of(&context, &crate::users::text(&other, "access_token"));
    let long_over =
        "update sessions set ended_at = now() - interval '91 days', end_reason = 'logout' where id = $1";
    database.execute(long_over, &[&session]).await.unwrap();
    // It still tells from where its user signed in.
    let a_while_over = "
        insert into sessions (id, user_id, expires_at, ended_at, end_reason, ip)
        select gen_random_uuid(), $1, now(), now() - interval '89 days', 'logout', '::'";
    database.execute(a_while_over, &[&ada.id]).await.unwrap();
    let many = "
        insert into login_guesses select 'old' || n, 1, now() - interval '1 second' from generate_series(1, 2500) n;
        insert into login_guesses values ('new', 1, now() + interval '1 hour');
        insert into idempotent_writes select 'old' || n, '', n, now() - interval '1 second' from generate_series(1, 1500) n;
        insert into idempotent_writes values ('new', '', 1);
        insert into refresh_tokens (digest, session_id, jti, role, issued_at, expires_at)
        select sha256('expired'), id, gen_random_uuid(), 'user', now() - interval '8 days', now() - interval '1 day'
        from sessions where ended_at is null";
    database.batch_execute(many).await.unwrap();

    let report = run(&context, json!({"task": "purge"})).await;
    let counts = |refresh_tokens: u64, sessions: u64, login_guesses: u64, idempotent_writes: u64| {
        json!({
            "task": "purge", "refresh_tokens": refresh_tokens, "sessions": sessions,
            "login_guesses": login_guesses, "idempotent_writes": idempotent_writes,
        })
    };
    assert_eq!(report, Ok(counts(1, 1, 2500, 1500)));
    assert_eq!(run(&context, json!({"task": "purge"})).await, Ok(counts(0, 0, 0, 0)));
    assert_eq!(auth.get("/auth/me").bearer(&ada.access).send().await.status, 200);
    assert_eq!(crate::users::refresh(&auth, &ada.refresh).await.status, 200);
    for table in ["login_guesses", "idempotent_writes"] {
        let left = database.query_one(&format!("select count(*) from {table}"), &[]).await.unwrap();
        assert_eq!(left.get::<_, i64>(0), 1, "{table}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parallel_purges_delete_each_row_once_and_none_fails() {
    let context = TestContext::new().await;
    sign_up(&context, "ada").await;
    let many = "
        insert into login_guesses select 'old' || n, 1, now() - interval '1 second' from generate_series(1, 5000) n;
        insert into sessions (id, user_id, expires_at, ip)
        select gen_random_uuid(), users.id, now() - interval '91 days', '::' from users, generate_series(1, 3000);
        insert into refresh_tokens (digest, session_id, jti, role, issued_at, expires_at)
        select sha256(id::text::bytea), id, gen_random_uuid(), 'user', now() - interval '99 days', expires_at
        from sessions where expires_at < now()";
    let database = context.database().await;
    database.batch_execute(many).await.unwrap();
    let purge = || async { run(&context, json!({"task": "purge"})).await.unwrap() };
    let (one, two, three, four) = tokio::join!(purge(), purge(), purge(), purge());
    let sum =
        |table: &str| -> u64 { [&one, &two, &three, &four].iter().map(|r| r[table].as_u64().unwrap()).sum() };
    assert_eq!((sum("login_guesses"), sum("sessions")), (5000, 3000));
    let left = "select (select count(*) from refresh_tokens where expires_at < now())
        + (select count(*) from sessions where expires_at < now()) + (select count(*) from login_guesses)";
    assert_eq!(database.query_one(left, &[]).await.unwrap().get::<_, i64>(0), 0);
}
