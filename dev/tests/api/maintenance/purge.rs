//! The purge deletes expired rows, each table for itself.

use std::collections::BTreeMap;

use maintenance::PURGEABLE;
use serde_json::json;
use testkit::TestContext;
use testkit::users::sign_up;
use tokio_postgres::Client;

use super::process;
use crate::support::clients::probe;
use crate::support::tasks::run;

#[tokio::test]
async fn a_scheduled_event_runs_a_purge() {
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

#[tokio::test]
async fn a_purge_deletes_expired_rows_and_no_others() {
    let context = TestContext::new().await;
    let ada = sign_up(&context, "ada").await;
    let database = context.database().await;
    let ended_long_ago = "
        insert into sessions (id, user_id, expires_at, ended_at, end_reason, ip)
        select gen_random_uuid(), $1, now(), now() - interval '91 days', 'logout', '::'";
    database.execute(ended_long_ago, &[&ada.id]).await.unwrap();
    // It still shows from which network its user signed in.
    let ended_recently = "
        insert into sessions (id, user_id, expires_at, ended_at, end_reason, ip)
        select gen_random_uuid(), $1, now(), now() - interval '89 days', 'logout', '::'";
    database.execute(ended_recently, &[&ada.id]).await.unwrap();
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
    let note = json!({"text": "T"});
    let written = probe(&context).post("/probe/notes").bearer(&ada.access).json(&note).send().await;
    assert_eq!(written.status, 201, "the live session was left: {}", written.text());
    let unused = "select count(*) from refresh_tokens where digest = sha256($1)";
    let unused = database.query_one(unused, &[&ada.refresh.as_bytes()]).await.unwrap();
    assert_eq!(unused.get::<_, i64>(0), 1, "and its refresh token");
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

/// Adds two expired rows to each table; those of `refresh_tokens` belong to a session that lives.
async fn add_expired_rows(database: &Client) {
    let rows = "
        insert into sessions (id, user_id, expires_at, ip)
        select gen_random_uuid(), users.id, now() - interval '91 days', '::' from users, generate_series(1, 2);
        insert into refresh_tokens (digest, session_id, jti, role, issued_at, expires_at)
        select sha256(n::text::bytea), id, gen_random_uuid(), 'user', now() - interval '9 days', now() - interval '1 day'
        from generate_series(1, 2) n, (select id from sessions where expires_at > now() limit 1) as session;
        insert into login_guesses select 'old' || n, 1, now() - interval '1 second' from generate_series(1, 2) n;
        insert into idempotent_writes select 'old' || n, '', n, now() - interval '1 second' from generate_series(1, 2) n";
    database.batch_execute(rows).await.unwrap();
}

#[tokio::test]
async fn a_table_that_is_locked_fails_the_purge_by_name_after_the_others_were_purged() {
    let context = TestContext::new().await;
    sign_up(&context, "ada").await;
    let mut database = context.database().await;
    add_expired_rows(&database).await;
    let maintenance = process(&context).await;
    let lock = database.transaction().await.unwrap();
    lock.batch_execute("lock table login_guesses").await.unwrap();
    let failure = maintenance.invoke(r#"{"task":"purge"}"#).await.unwrap_err().error_message;
    let expected = "not every table was purged; \
        login_guesses: postgres: canceling statement due to lock timeout (SQLSTATE 55P03); \
        rows deleted: idempotent_writes 2, login_guesses 0, refresh_tokens 2, sessions 2";
    assert_eq!(failure, expected);
    assert!(maintenance.log().contains(expected), "{}", maintenance.log());
    lock.rollback().await.unwrap();
    let report = maintenance.invoke(r#"{"task":"purge"}"#).await.unwrap();
    assert_eq!((&report["login_guesses"], &report["sessions"]), (&json!(2), &json!(0)));
}

#[tokio::test]
async fn a_failure_that_ends_the_connection_does_not_keep_the_other_tables_from_being_purged() {
    let context = TestContext::new().await;
    sign_up(&context, "ada").await;
    let database = context.database().await;
    add_expired_rows(&database).await;
    let trigger = "
        create function fail() returns trigger language plpgsql as
        $$ begin perform pg_terminate_backend(pg_backend_pid()); return old; end $$;
        create trigger fails before delete on refresh_tokens for each row execute function fail()";
    database.batch_execute(trigger).await.unwrap();
    let failure = run(&context, json!({"task": "purge"})).await.unwrap_err();
    let expected = "not every table was purged; \
        refresh_tokens: postgres: terminating connection due to administrator command (SQLSTATE 57P01); \
        rows deleted: idempotent_writes 2, login_guesses 2, refresh_tokens 0, sessions 2";
    assert_eq!(failure, expected);
}

/// Few rows of a large table have expired, so the purge must not read it whole.
#[tokio::test]
async fn the_purge_finds_its_rows_by_an_index_in_every_table() {
    let context = TestContext::new().await;
    sign_up(&context, "ada").await;
    let database = context.database().await;
    add_expired_rows(&database).await;
    let rows = "
        insert into sessions (id, user_id, expires_at, ip)
        select gen_random_uuid(), users.id, now() + interval '9 days', '::' from users, generate_series(1, 50000);
        insert into refresh_tokens (digest, session_id, jti, role, issued_at, expires_at)
        select sha256(id::text::bytea), id, gen_random_uuid(), 'user', now(), expires_at from sessions
        where expires_at > now();
        insert into login_guesses select n::text, 1, now() + interval '1 hour' from generate_series(1, 50000) n;
        insert into idempotent_writes select n::text, '', n from generate_series(1, 50000) n;
        analyze";
    database.batch_execute(rows).await.unwrap();
    let indexes = BTreeMap::from([
        ("refresh_tokens", "refresh_tokens_by_expiry"),
        ("sessions", "sessions_by_end"),
        ("login_guesses", "login_guesses_by_expiry"),
        ("idempotent_writes", "idempotent_writes_by_expiry"),
    ]);
    for purgeable in PURGEABLE {
        let plan = database.query(&format!("explain {}", purgeable.statement()), &[]).await.unwrap();
        let plan: Vec<String> = plan.iter().map(|line| line.get(0)).collect();
        let plan = plan.join("\n");
        assert!(plan.contains(indexes[purgeable.table]) && !plan.contains("Seq Scan"), "{plan}");
    }
}
