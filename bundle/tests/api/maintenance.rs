//! Direct events: tasks that no caller may ask for.

use maintenance::{App, Report, Task};
use serde_json::{Value, json};
use shared::testing::Stage;

use crate::people::{assert_problem, auth, set_role, sign_up};

/// Runs one task as Lambda would hand it over.
pub(crate) async fn run(stage: &Stage, task: Value) -> Result<Value, String> {
    let task: Task = serde_json::from_value(task).map_err(|error| error.to_string())?;
    let event = lambda_http::lambda_runtime::LambdaEvent::new(task, lambda_http::Context::default());
    let report: Result<Report, _> = App::from_env(&stage.env()).unwrap().run(event).await;
    report.map(|report| serde_json::to_value(report).unwrap()).map_err(|error| error.to_string())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_parallel_migrators_one_migrates_and_the_others_find_it_done() {
    let stage = Stage::new().await;
    stage.database().await.batch_execute("drop schema public cascade; create schema public").await.unwrap();
    let url = stage.variable("DATABASE_URL").to_owned();
    let migrators: Vec<_> = (0..4)
        .map(|_| {
            let url = url.clone();
            tokio::spawn(async move { maintenance::migrate(&url).await.unwrap().applied.len() })
        })
        .collect();
    let mut applied = Vec::new();
    for migrator in migrators {
        applied.push(migrator.await.unwrap());
    }
    applied.sort_unstable();
    let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../migrations")).unwrap().count();
    assert_eq!(applied, [0, 0, 0, files]);
    assert_eq!(run(&stage, json!({"task": "migrate"})).await, Ok(json!({"task": "migrate", "applied": []})));
}

#[tokio::test]
async fn a_role_counts_from_the_next_request_on() {
    let stage = Stage::new().await;
    let ada = sign_up(&stage, "Ada").await;
    let auth = auth(&stage);
    let visit = async || auth.get("/auth/admin-only").bearer(&ada.access).send().await;
    assert_problem(&visit().await, 403);
    let report = run(&stage, json!({"task": "set_role", "username": "ADA", "role": "admin"})).await;
    assert_eq!(
        report,
        Ok(json!({"task": "set_role", "user_id": ada.id, "username": "Ada", "role": "admin"}))
    );
    assert_eq!(visit().await.status, 200);
    set_role(&stage, &ada.name, "user").await;
    assert_problem(&visit().await, 403);
}

#[tokio::test]
async fn an_event_that_is_no_task_is_refused_and_changes_nothing() {
    let stage = Stage::new().await;
    for event in [
        json!({}),
        json!({"task": "drop"}),
        json!({"task": "migrate", "force": true}),
        json!({"task": "set_role", "username": "ada"}),
        json!({"task": "set_role", "username": "ada", "role": "root"}),
        json!({"task": "set_role", "username": "nobody", "role": "admin"}),
        json!("migrate"),
        json!(null),
    ] {
        assert!(run(&stage, event.clone()).await.is_err(), "{event}");
    }
}

#[tokio::test]
async fn a_purge_deletes_what_is_over_and_leaves_what_lives() {
    let stage = Stage::new().await;
    let ada = sign_up(&stage, "ada").await;
    let auth = auth(&stage);
    let other = crate::people::log_in(&auth.elsewhere(), "ada", crate::people::PASSWORD).await;
    let database = stage.database().await;
    let session = crate::people::session_of(&stage, &crate::people::text(&other, "access_token"));
    let long_over =
        "update sessions set ended_at = now() - interval '91 days', end_reason = 'logout' where id = $1";
    database.execute(long_over, &[&session]).await.unwrap();
    let many = "
        insert into login_guesses select 'old' || n, 1, now() - interval '1 second' from generate_series(1, 2500) n;
        insert into login_guesses values ('new', 1, now() + interval '1 hour');
        insert into idempotent_writes select 'old' || n, '', n, now() - interval '1 second' from generate_series(1, 1500) n;
        insert into idempotent_writes values ('new', '', 1);
        insert into refresh_tokens (digest, session_id, jti, role, issued_at, expires_at)
        select sha256('expired'), id, gen_random_uuid(), 'user', now() - interval '8 days', now() - interval '1 day'
        from sessions where ended_at is null";
    database.batch_execute(many).await.unwrap();

    let report = run(&stage, json!({"task": "purge"})).await;
    let counts = |refresh_tokens: u64, sessions: u64, login_guesses: u64, idempotent_writes: u64| {
        json!({
            "task": "purge", "refresh_tokens": refresh_tokens, "sessions": sessions,
            "login_guesses": login_guesses, "idempotent_writes": idempotent_writes,
        })
    };
    assert_eq!(report, Ok(counts(1, 1, 2500, 1500)));
    assert_eq!(run(&stage, json!({"task": "purge"})).await, Ok(counts(0, 0, 0, 0)));
    assert_eq!(auth.get("/auth/me").bearer(&ada.access).send().await.status, 200);
    assert_eq!(crate::people::refresh(&auth, &ada.refresh).await.status, 200);
    for table in ["login_guesses", "idempotent_writes"] {
        let left = database.query_one(&format!("select count(*) from {table}"), &[]).await.unwrap();
        assert_eq!(left.get::<_, i64>(0), 1, "{table}");
    }
}
