//! Security events in the log, and secrets that must not be there.
//!
//! A test runs on one thread and reads what that thread logged; a test with several threads reads the security events
//! of all of them.

use std::cell::RefCell;
use std::io::Write;
use std::sync::Mutex;

use serde_json::Value;
use shared::telemetry::JsonFormat;
use testkit::TestContext;
use testkit::users::PASSWORD;
use tokio::task::JoinSet;

use super::{auth, log_in, refresh, register, session_of};
use crate::support::responses::{text, without_request_id};
use crate::support::tasks::run;

/// The security events of all threads, for tests that run on several threads. Each looks for its own username.
static SECURITY: Mutex<Vec<String>> = Mutex::new(Vec::new());

thread_local! {
    /// The log of this thread, once [`Log::start`] was called.
    static LINES: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

/// Writes to the log of the current thread.
struct ThisThread;

impl Write for ThisThread {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let line = String::from_utf8_lossy(bytes);
        if line.contains(r#""target":"security""#) {
            SECURITY.lock().unwrap().push(line.into_owned());
        }
        LINES.with_borrow_mut(|lines| lines.as_mut().map(|lines| lines.extend_from_slice(bytes)));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The log of this test.
struct Log;

impl Log {
    fn start() {
        let format = tracing_subscriber::fmt().fmt_fields(JsonFormat).event_format(JsonFormat);
        let format = format.with_max_level(tracing::Level::TRACE);
        let _ = tracing::subscriber::set_global_default(format.with_writer(|| ThisThread).finish());
        LINES.set(Some(Vec::new()));
    }

    fn text() -> String {
        LINES.with_borrow(|lines| String::from_utf8(lines.clone().unwrap()).unwrap())
    }

    /// The security events so far.
    fn security_events() -> Vec<Value> {
        let text = Self::text();
        let lines =
            text.lines().map(|line| serde_json::from_str::<Value>(line).expect("a line is a JSON object"));
        lines.filter(|line| line["target"] == "security").collect()
    }

    /// The security events so far, as `event outcome`.
    fn events() -> Vec<String> {
        let name = |line: Value| {
            format!("{} {}", line["event"].as_str().unwrap(), line["outcome"].as_str().unwrap())
        };
        Self::security_events().into_iter().map(name).collect()
    }
}

#[tokio::test]
async fn each_security_event_is_logged_once_without_secrets() {
    let context = TestContext::new().await.with("REFRESH_GRACE_SECONDS", "0");
    Log::start();
    let auth = auth(&context);
    register(&auth, "ada").await;
    let tokens = log_in(&auth, "ada", PASSWORD).await;
    let next = refresh(&auth, &text(&tokens, "refresh_token")).await;
    assert_eq!(refresh(&auth, &text(&tokens, "refresh_token")).await.status, 400);
    assert_eq!(refresh(&auth, "forged").await.status, 400);
    let again = log_in(&auth.from_new_network(), "ada", PASSWORD).await;
    auth.post("/auth/logout").bearer(&text(&again, "access_token")).send().await;
    for _ in 0..6 {
        log_in(&auth, "x\n{\"event\":\"fake\"}", "wrong-guess").await;
    }
    let task = serde_json::json!({"task": "set_role", "username": "ada", "role": "admin"});
    run(&context, task).await.unwrap();

    let mut expected = vec!["register success", "login success", "refresh success", "refresh reuse"];
    expected.extend(["refresh refused", "login success", "logout success"]);
    expected.extend(["login refused"; 5]);
    expected.extend(["login locked", "role_change success"]);
    assert_eq!(Log::events(), expected);
    let everything = Log::text();
    for response in [&tokens, &next, &again] {
        for member in ["access_token", "refresh_token"] {
            let token = text(response, member);
            assert!(!everything.contains(token.rsplit('.').next().unwrap()), "{member} is in the log");
        }
    }
    for secret in [PASSWORD, "wrong-guess", "$2b$", "postgres://", "redis://"] {
        assert!(!everything.contains(secret), "{secret} is in the log");
    }
}

#[tokio::test]
async fn the_reason_of_a_refused_refresh_is_logged_and_not_sent() {
    let context = TestContext::new().await.with("REFRESH_GRACE_SECONDS", "0");
    Log::start();
    let auth = auth(&context);
    register(&auth, "ada").await;
    let mut sessions = Vec::new();
    for _ in 0..3 {
        let tokens = log_in(&auth.from_new_network(), "ada", PASSWORD).await;
        sessions.push((text(&tokens, "access_token"), text(&tokens, "refresh_token")));
    }
    let [unknown, ended, reused] = sessions.try_into().unwrap();
    let purge = "delete from refresh_tokens where session_id = $1";
    context.database().await.execute(purge, &[&session_of(&context, &unknown.0)]).await.unwrap();
    assert_eq!(auth.from_new_network().post("/auth/logout").bearer(&ended.0).send().await.status, 204);
    assert_eq!(refresh(&auth, &reused.1).await.status, 200);

    let mut responses = Vec::new();
    for token in ["forged", &unknown.1, &ended.1, &reused.1, &reused.1] {
        responses.push(without_request_id(&refresh(&auth, token).await));
    }
    assert!(
        responses[0].0 == 400 && responses.iter().all(|response| *response == responses[0]),
        "{responses:?}"
    );
    let refusals = Log::security_events().into_iter().filter(|event| !event["reason"].is_null());
    let logged = |event: Value| {
        let [outcome, reason] = ["outcome", "reason"].map(|field| event[field].as_str().unwrap().to_owned());
        (outcome, reason, event["session_id"].as_str().map(str::to_owned))
    };
    let session = |access: &str| Some(session_of(&context, access).to_string());
    let expected = [
        ("refused", "invalid_token", None),
        ("refused", "unknown_token", session(&unknown.0)),
        ("refused", "session_ended", session(&ended.0)),
        ("reuse", "reused_after_grace", session(&reused.0)),
        ("refused", "session_ended", session(&reused.0)),
    ];
    let expected = expected.map(|(outcome, reason, id)| (outcome.to_owned(), reason.to_owned(), id));
    assert_eq!(refusals.map(logged).collect::<Vec<_>>(), expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_most_five_of_sixty_parallel_guesses_are_hashed_and_a_right_one_afterwards_is_locked() {
    const NAME: &str = "guessed-at-by-sixty";
    let context = TestContext::new().await.with("RATE_LIMIT_LOGIN", "1000/60");
    Log::start();
    let environments: Vec<_> = (0..3).map(|_| auth(&context).from_ip("192.0.2.1")).collect();
    register(&environments[0], NAME).await;
    let mut guesses = JoinSet::new();
    for n in 0..59 {
        let auth = environments[n % 3].clone();
        guesses.spawn(async move { log_in(&auth, NAME, "wrong").await.status });
    }
    assert!(guesses.join_all().await.iter().all(|status| *status == 400));
    assert_eq!(log_in(&environments[0], NAME, PASSWORD).await.status, 400);
    let events = SECURITY.lock().unwrap().clone();
    let of_outcome = |outcome: &str| {
        events
            .iter()
            .filter(|line| line.contains(NAME) && line.contains(&format!(r#""outcome":"{outcome}""#)))
            .count()
    };
    // A refused guess was hashed; a locked one was not.
    assert_eq!((of_outcome("refused"), of_outcome("locked")), (5, 55));
}

#[tokio::test]
async fn an_idempotency_key_and_its_request_are_never_logged() {
    const KEY: &str = "a-key-that-must-not-be-logged";
    let context = TestContext::new().await;
    testkit::records::Records::of(&context).create_table().await.unwrap();
    Log::start();
    let body = serde_json::json!({"username": "ada", "password": PASSWORD});
    for _ in 0..2 {
        let auth = auth(&context).from_ip("192.0.2.1");
        let request = auth.post("/auth/register").header("idempotency-key", KEY);
        assert_eq!(request.json(&body).send().await.status, 201);
    }
    let everything = Log::text();
    for secret in [KEY, PASSWORD] {
        assert!(!everything.contains(secret), "{secret} is in the log");
    }
    assert_eq!(Log::events(), ["register success"], "and it happened once");
}
