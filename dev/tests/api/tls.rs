//! Stores that require TLS, and tokens instead of passwords.
//!
//! A TLS terminator in front of each store shows what a function sends inside TLS and outside it.

mod terminator;
mod tokens;

use std::time::{Duration, Instant, SystemTime};

use serde_json::json;
use shared::lambda::function::Function as _;
use testkit::users::sign_up;
use testkit::{Client, TestContext};
use tokio::time::timeout;

use crate::support::clients::probe;
use crate::support::responses::assert_problem;
use crate::support::tasks::run;
use terminator::{Authority, TLS_REQUEST, Terminator, TlsMode};

/// The year until which a valid certificate is valid.
const VALID_UNTIL: i32 = 2090;

/// The variables that hold the URLs of the two stores.
const STORES: [&str; 2] = ["DATABASE_URL", "REDIS_URL"];

/// `user:password` and `host:port` of a URL.
fn parts(url: &str) -> (&str, &str) {
    let (login, rest) = url.split_once("://").unwrap().1.rsplit_once('@').unwrap();
    (login, rest.split('/').next().unwrap())
}

/// `context` with a terminator in front of the store that `variable` names, reached over TLS as `localhost`.
async fn behind_terminator(context: TestContext, variable: &str, mode: TlsMode) -> (TestContext, Terminator) {
    let url = context.variable(variable).to_owned();
    let address = parts(&url).1;
    let postgres = variable == "DATABASE_URL";
    let terminator = Terminator::in_front_of(address, postgres, mode).await;
    let url = url.replace(address, &format!("localhost:{}", terminator.port));
    let url = if postgres { url + "?sslmode=require" } else { url.replace("redis://", "rediss://") };
    (context.with(variable, &url), terminator)
}

/// The readiness of `system`, which needs both stores and nothing else.
async fn readiness(context: &TestContext) -> testkit::Response {
    Client::start::<system::App>(context.env()).unwrap().get("/health/ready").send().await
}

/// A context with the credentials from which tokens for both stores are made.
fn with_tokens(context: TestContext) -> TestContext {
    context
        .with("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
        .with("AWS_SECRET_ACCESS_KEY", "wJalr/EXAMPLE+KEY")
        .with("AWS_SESSION_TOKEN", "IQoJb3Jp/+EXAMPLE==")
        .with("AWS_REGION", "eu-central-1")
}

/// The time at which a token was made, for example `20261122T123456Z`.
fn date(token: &str) -> &str {
    token.split("X-Amz-Date=").nth(1).and_then(|rest| rest.split('&').next()).unwrap()
}

#[tokio::test]
async fn every_store_works_over_tls_and_nothing_is_sent_outside_it() {
    let authority = Authority::new();
    let context = TestContext::new().await.with("TLS_ROOTS", &authority.pem());
    let ada = sign_up(&context, "ada").await;
    let mode = || TlsMode::Forwarding(authority.server("localhost", VALID_UNTIL));
    let (context, postgres) = behind_terminator(context, "DATABASE_URL", mode()).await;
    let (context, redis) = behind_terminator(context, "REDIS_URL", mode()).await;
    assert_eq!(readiness(&context).await.status, 200);
    let probe = probe(&context);
    let note = json!({"text": "T"});
    assert_eq!(probe.post("/probe/notes").bearer(&ada.access).json(&note).send().await.status, 201);
    for _ in 0..2 {
        assert_eq!(probe.get("/probe/notes").send().await.json()["total"], 1);
    }
    assert_eq!(probe.get("/probe/notes/1").send().await.status, 200);
    assert!(postgres.plaintext().chunks(8).all(|sent| sent == TLS_REQUEST), "{:?}", postgres.plaintext());
    assert!(postgres.decrypted().concat().contains("insert into probe_notes"));
    assert!(redis.plaintext().is_empty() && redis.decrypted().concat().contains("EVALSHA"));
    let synonym = context.variable("DATABASE_URL").replace("=require", "=verify-full");
    assert_eq!(readiness(&context.with("DATABASE_URL", &synonym)).await.status, 200);
}

#[tokio::test]
async fn a_store_without_a_valid_certificate_is_a_503_and_receives_nothing() {
    let (authority, untrusted) = (Authority::new(), Authority::new());
    for variable in STORES {
        for (what, mode) in [
            (
                "an authority that is not trusted",
                TlsMode::Forwarding(untrusted.server("localhost", VALID_UNTIL)),
            ),
            ("another name", TlsMode::Forwarding(authority.server("db.example", VALID_UNTIL))),
            ("a certificate that has expired", TlsMode::Forwarding(authority.server("localhost", 2021))),
            ("no TLS at all", TlsMode::Unencrypted),
        ] {
            let context = TestContext::new().await.with("TLS_ROOTS", &authority.pem());
            let login = parts(context.variable(variable)).0.to_owned();
            let password = login.split_once(':').unwrap().1.to_owned();
            let (context, terminator) = behind_terminator(context, variable, mode).await;
            assert_problem(&readiness(&context).await, 503);
            assert!(terminator.decrypted().is_empty(), "{variable}, {what}: {:?}", terminator.decrypted());
            let clear = String::from_utf8_lossy(&terminator.plaintext()).into_owned();
            for secret in [password.as_str(), "bookshelf", "select", "PING", "AUTH"] {
                assert!(!clear.contains(secret), "{variable}, {what}: {clear:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_task_says_why_it_refuses_a_certificate_and_does_not_wait_for_another() {
    let (authority, untrusted) = (Authority::new(), Authority::new());
    for (mode, reason) in [
        (
            TlsMode::Forwarding(untrusted.server("localhost", VALID_UNTIL)),
            "invalid peer certificate: BadSignature",
        ),
        (
            TlsMode::Forwarding(authority.server("db.example", VALID_UNTIL)),
            "not valid for name \"localhost\"",
        ),
        (TlsMode::Forwarding(authority.server("localhost", 2021)), "certificate expired"),
        (TlsMode::Unencrypted, "server does not support TLS"),
    ] {
        let context = TestContext::new().await.with("TLS_ROOTS", &authority.pem());
        let password = parts(context.variable("DATABASE_URL")).0.split_once(':').unwrap().1.to_owned();
        let (context, _terminator) = behind_terminator(context, "DATABASE_URL", mode).await;
        // The task would wait longer for a database that wakes.
        let purge = timeout(Duration::from_mins(1), run(&context, json!({"task": "purge"})));
        let failure = purge.await.expect("no waiting").unwrap_err();
        assert!(failure.starts_with("postgres: error performing TLS handshake: "), "{failure}");
        assert!(failure.contains(reason) && !failure.contains(&password), "{reason}: {failure}");
    }
}

#[tokio::test]
async fn without_configured_roots_a_function_trusts_only_the_authorities_of_aws() {
    let authority = Authority::new();
    for variable in STORES {
        let context = TestContext::new().await.with("AWS_REGION", "eu-central-1");
        let mode = TlsMode::Forwarding(authority.server("localhost", VALID_UNTIL));
        let (context, terminator) = behind_terminator(context, variable, mode).await;
        assert_problem(&readiness(&context).await, 503);
        assert!(terminator.decrypted().is_empty());
    }
}

#[tokio::test]
async fn each_connection_to_postgres_presents_a_fresh_token() {
    let authority = Authority::new();
    let context = with_tokens(TestContext::new().await)
        .with("TLS_ROOTS", &authority.pem())
        .with("DATABASE_AUTH", "iam");
    let (context, terminator) = behind_terminator(
        context,
        "DATABASE_URL",
        TlsMode::Refusing(authority.server("localhost", VALID_UNTIL)),
    )
    .await;
    let system = Client::start::<system::App>(context.env()).unwrap();
    let begun = Instant::now();
    while terminator
        .decrypted()
        .iter()
        .map(|token| date(token))
        .collect::<std::collections::BTreeSet<_>>()
        .len()
        < 2
    {
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", terminator.decrypted());
        assert_problem(&system.from_new_network().get("/health/ready").send().await, 503);
    }
    let sent = terminator.decrypted();
    let (first, last) = (&sent[0], &sent[sent.len() - 1]);
    let expected = format!("localhost:{}/?Action=connect&DBUser=bookshelf&X-Amz-", terminator.port);
    for token in [first, last] {
        assert!(token.starts_with(&expected), "{token}");
        assert!(token.contains("eu-central-1%2Frds-db%2Faws4_request&"), "{token}");
        assert!(
            token.contains("X-Amz-Expires=900&") && token.contains("X-Amz-Security-Token=IQoJ"),
            "{token}"
        );
    }
    assert_ne!(signature(first), signature(last));
}

fn signature(token: &str) -> &str {
    token.rsplit_once("X-Amz-Signature=").unwrap().1
}

#[tokio::test]
async fn maintenance_uses_tls_and_tokens_as_well() {
    let authority = Authority::new();
    let context = TestContext::new().await.with("TLS_ROOTS", &authority.pem());
    let purge = || json!({"task": "purge"});
    let mode = TlsMode::Forwarding(authority.server("localhost", VALID_UNTIL));
    let (encrypted, terminator) = behind_terminator(context.clone(), "DATABASE_URL", mode).await;
    crate::support::tasks::run(&encrypted, purge()).await.unwrap();
    assert!(terminator.plaintext().chunks(8).all(|sent| sent == TLS_REQUEST), "{:?}", terminator.plaintext());
    let mode = TlsMode::Refusing(authority.server("localhost", VALID_UNTIL));
    let (refusing, terminator) = behind_terminator(with_tokens(context), "DATABASE_URL", mode).await;
    crate::support::tasks::run(&refusing.with("DATABASE_AUTH", "iam"), purge()).await.unwrap_err();
    let sent = terminator.decrypted();
    assert!(sent[0].contains("Action=connect&DBUser=bookshelf&X-Amz-"), "{sent:?}");
}

#[tokio::test]
async fn a_closed_connection_to_redis_is_replaced_with_a_fresh_token_and_no_request_fails() {
    let authority = Authority::new();
    let context = with_tokens(TestContext::new().await);
    // A user that may sign in with any password; the user name is in the token.
    let user = context.variable("REDIS_KEY_PREFIX").trim_end_matches(':').to_owned();
    let mut redis = crate::support::redis_keys::connection(&context).await;
    let mut command = redis::cmd("ACL");
    command.arg(&["SETUSER", &user, "on", "nopass", "allkeys", "allcommands"]);
    command.query_async::<()>(&mut redis).await.unwrap();
    let mode = TlsMode::Forwarding(authority.server("localhost", VALID_UNTIL));
    let (context, terminator) = behind_terminator(context, "REDIS_URL", mode).await;
    let context = context
        .with("REDIS_URL", &format!("rediss://{user}@localhost:{}", terminator.port))
        .with("REDIS_AUTH", "iam")
        .with("REDIS_CACHE_NAME", "bookshelf-cache")
        .with("TLS_ROOTS", &authority.pem());
    let system = Client::start::<system::App>(context.env()).unwrap();
    let begun = SystemTime::now();
    while terminator.decrypted().len() < 2 || begun.elapsed().unwrap() < Duration::from_secs(1) {
        terminator.close_all();
        assert_eq!(system.from_new_network().get("/health/ready").send().await.status, 200);
    }
    let sent = terminator.decrypted();
    let (first, last) = (&sent[0], &sent[sent.len() - 1]);
    let expected = format!("bookshelf-cache/?Action=connect&User={user}&ResourceType=ServerlessCache&X-Amz-");
    for sent in [first, last] {
        assert!(sent.contains("AUTH") && sent.contains(&expected), "{sent}");
        assert!(sent.contains("eu-central-1%2Felasticache%2Faws4_request&"), "{sent}");
    }
    assert_ne!(date(first), date(last), "each connection has a token of its own time");
    redis::cmd("ACL").arg(&["DELUSER", &user]).query_async::<()>(&mut redis).await.unwrap();
}

#[tokio::test]
async fn invalid_authentication_settings_of_a_store_end_the_start_with_one_line() {
    let context = with_tokens(TestContext::new().await);
    let url = |variable: &str| context.variable(variable).to_owned();
    let encrypted = format!("{}?sslmode=require", url("DATABASE_URL"));
    for (variables, line) in [
        ([("DATABASE_AUTH", "password"), ("LOG_LEVEL", "")], "DATABASE_AUTH is not iam"),
        ([("REDIS_AUTH", "IAM"), ("LOG_LEVEL", "")], "REDIS_AUTH is not iam"),
        (
            [("DATABASE_AUTH", "iam"), ("LOG_LEVEL", "")],
            "DATABASE_URL must say sslmode=require, for tokens are secrets",
        ),
        (
            [("REDIS_AUTH", "iam"), ("LOG_LEVEL", "")],
            "REDIS_URL must begin with rediss://, for tokens are secrets",
        ),
        ([("REDIS_AUTH", "iam"), ("REDIS_URL", "rediss://u@cache")], "REDIS_CACHE_NAME is not set"),
        ([("REDIS_AUTH", "iam"), ("REDIS_URL", "rediss://cache")], "REDIS_URL does not name a user"),
        (
            [("DATABASE_URL", encrypted.as_str()), ("TLS_ROOTS", "secret")],
            "TLS_ROOTS holds no usable certificates in PEM",
        ),
        (
            [("DATABASE_URL", encrypted.as_str()), ("AWS_REGION", "mars-north-1")],
            "AWS_REGION is no region whose authority is known; set TLS_ROOTS",
        ),
    ] {
        let mut all = context.variables().clone();
        all.extend(variables.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let started = system::App::from_env(&shared::config::Env::of(all));
        assert_eq!(started.err().map(|error| error.to_string()).as_deref(), Some(line));
    }
}
