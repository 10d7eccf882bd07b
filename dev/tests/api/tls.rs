//! Stores that demand TLS, and tokens instead of passwords.

mod terminator;
mod tokens;

use std::time::{Duration, Instant, SystemTime};

use serde_json::json;
use shared::lambda::function::Function as _;
use terminator::{Authority, Manner, TLS_REQUEST, Terminator};
use testkit::{Client, TestContext};

use crate::users::{assert_problem, books, sign_up};

/// Good for longer than these tests.
const LONG: i32 = 2090;

/// The two stores: the variable that names each, and what its URL must be for TLS.
const STORES: [&str; 2] = ["DATABASE_URL", "REDIS_URL"];

/// `user:password` and `host:port` of a URL.
fn parts(url: &str) -> (&str, &str) {
    let (login, rest) = url.split_once("://").unwrap().1.rsplit_once('@').unwrap();
    (login, rest.split('/').next().unwrap())
}

/// `context` with something before the store that `variable` names, reached with TLS as `localhost`.
async fn through(context: TestContext, variable: &str, manner: Manner) -> (TestContext, Terminator) {
    let url = context.variable(variable).to_owned();
    let address = parts(&url).1;
    let postgres = variable == "DATABASE_URL";
    let terminator = Terminator::before(address, postgres, manner).await;
    let url = url.replace(address, &format!("localhost:{}", terminator.port));
    let url = if postgres { url + "?sslmode=require" } else { url.replace("redis://", "rediss://") };
    (context.with(variable, &url), terminator)
}

/// Whether the stores answer a function that has nothing but these two.
async fn readiness(context: &TestContext) -> testkit::Response {
    Client::start::<system::App>(context.env()).unwrap().get("/health/ready").send().await
}

/// A context that shows tokens to both stores.
fn with_tokens(context: TestContext) -> TestContext {
    context
        .with("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
        .with("AWS_SECRET_ACCESS_KEY", "wJalr/EXAMPLE+KEY")
        .with("AWS_SESSION_TOKEN", "IQoJb3Jp/+EXAMPLE==")
        .with("AWS_REGION", "eu-central-1")
}

/// The moment that a token was made for, `20261122T123456Z`.
fn date(token: &str) -> &str {
    token.split("X-Amz-Date=").nth(1).and_then(|rest| rest.split('&').next()).unwrap()
}

#[tokio::test]
async fn every_store_works_through_tls_and_says_nothing_outside_it() {
    let authority = Authority::new();
    let context = TestContext::new().await.with("TLS_ROOTS", &authority.pem());
    let manner = || Manner::Encrypted(authority.server("localhost", LONG));
    let (context, postgres) = through(context, "DATABASE_URL", manner()).await;
    let (context, redis) = through(context, "REDIS_URL", manner()).await;
    assert_eq!(readiness(&context).await.status, 200);
    let ada = sign_up(&context, "ada").await;
    let books = books(&context);
    let book = json!({"title": "T", "author": "A"});
    assert_eq!(books.post("/books").bearer(&ada.access).json(&book).send().await.status, 201);
    for _ in 0..2 {
        assert_eq!(books.get("/books").send().await.json()["total"], 1);
    }
    assert_eq!(books.get("/books/1").send().await.status, 200);
    assert!(postgres.clear().chunks(8).all(|said| said == TLS_REQUEST), "{:?}", postgres.clear());
    assert!(postgres.said().concat().contains("insert into books"));
    assert!(redis.clear().is_empty() && redis.said().concat().contains("EVALSHA"));
    let synonym = context.variable("DATABASE_URL").replace("=require", "=verify-full");
    assert_eq!(readiness(&context.with("DATABASE_URL", &synonym)).await.status, 200);
}

#[tokio::test]
async fn a_store_that_can_not_prove_who_it_is_is_a_503_and_hears_nothing() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    for variable in STORES {
        for (what, manner) in [
            ("an authority that is not trusted", Manner::Encrypted(stranger.server("localhost", LONG))),
            ("another name", Manner::Encrypted(authority.server("db.example", LONG))),
            ("a certificate that has expired", Manner::Encrypted(authority.server("localhost", 2021))),
            ("no TLS at all", Manner::Plain),
        ] {
            let context = TestContext::new().await.with("TLS_ROOTS", &authority.pem());
            let login = parts(context.variable(variable)).0.to_owned();
            let password = login.split_once(':').unwrap().1.to_owned();
            let (context, terminator) = through(context, variable, manner).await;
            assert_problem(&readiness(&context).await, 503);
            assert!(terminator.said().is_empty(), "{variable}, {what}: {:?}", terminator.said());
            let clear = String::from_utf8_lossy(&terminator.clear()).into_owned();
            for secret in [password.as_str(), "bookshelf", "select", "PING", "AUTH"] {
                assert!(!clear.contains(secret), "{variable}, {what}: {clear:?}");
            }
        }
    }
}

#[tokio::test]
async fn without_roots_of_its_own_a_function_trusts_the_authorities_of_aws_and_no_other() {
    let authority = Authority::new();
    for variable in STORES {
        let context = TestContext::new().await.with("AWS_REGION", "eu-central-1");
        let manner = Manner::Encrypted(authority.server("localhost", LONG));
        let (context, terminator) = through(context, variable, manner).await;
        assert_problem(&readiness(&context).await, 503);
        assert!(terminator.said().is_empty());
    }
}

#[tokio::test]
async fn postgres_is_shown_a_fresh_token_at_each_connect() {
    let authority = Authority::new();
    let context = with_tokens(TestContext::new().await)
        .with("TLS_ROOTS", &authority.pem())
        .with("DATABASE_AUTH", "iam");
    let (context, terminator) =
        through(context, "DATABASE_URL", Manner::Refusing(authority.server("localhost", LONG))).await;
    let system = Client::start::<system::App>(context.env()).unwrap();
    let begun = Instant::now();
    while terminator.said().iter().map(|token| date(token)).collect::<std::collections::BTreeSet<_>>().len()
        < 2
    {
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", terminator.said());
        assert_problem(&system.elsewhere().get("/health/ready").send().await, 503);
    }
    let said = terminator.said();
    let (first, last) = (&said[0], &said[said.len() - 1]);
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
async fn maintenance_works_through_tls_and_shows_tokens_as_well() {
    let authority = Authority::new();
    let context = TestContext::new().await.with("TLS_ROOTS", &authority.pem());
    let purge = || json!({"task": "purge"});
    let manner = Manner::Encrypted(authority.server("localhost", LONG));
    let (encrypted, terminator) = through(context.clone(), "DATABASE_URL", manner).await;
    crate::tasks::run(&encrypted, purge()).await.unwrap();
    assert!(terminator.clear().chunks(8).all(|said| said == TLS_REQUEST), "{:?}", terminator.clear());
    let manner = Manner::Refusing(authority.server("localhost", LONG));
    let (refusing, terminator) = through(with_tokens(context), "DATABASE_URL", manner).await;
    crate::tasks::run(&refusing.with("DATABASE_AUTH", "iam"), purge()).await.unwrap_err();
    let said = terminator.said();
    assert!(said[0].contains("Action=connect&DBUser=bookshelf&X-Amz-"), "{said:?}");
}

#[tokio::test]
async fn a_connection_to_redis_that_is_ended_is_replaced_with_a_fresh_token_and_no_request_fails() {
    let authority = Authority::new();
    let context = with_tokens(TestContext::new().await);
    // Somebody who may sign in with any password at all; who they are, the token says.
    let user = context.variable("REDIS_KEY_PREFIX").trim_end_matches(':').to_owned();
    let mut redis = crate::cache::connection(&context).await;
    let mut command = redis::cmd("ACL");
    command.arg(&["SETUSER", &user, "on", "nopass", "allkeys", "allcommands"]);
    command.query_async::<()>(&mut redis).await.unwrap();
    let manner = Manner::Encrypted(authority.server("localhost", LONG));
    let (context, terminator) = through(context, "REDIS_URL", manner).await;
    let context = context
        .with("REDIS_URL", &format!("rediss://{user}@localhost:{}", terminator.port))
        .with("REDIS_AUTH", "iam")
        .with("REDIS_CACHE_NAME", "bookshelf-cache")
        .with("TLS_ROOTS", &authority.pem());
    let system = Client::start::<system::App>(context.env()).unwrap();
    let begun = SystemTime::now();
    while terminator.said().len() < 2 || begun.elapsed().unwrap() < Duration::from_secs(1) {
        terminator.close_all();
        assert_eq!(system.elsewhere().get("/health/ready").send().await.status, 200);
    }
    let said = terminator.said();
    let (first, last) = (&said[0], &said[said.len() - 1]);
    let expected = format!("bookshelf-cache/?Action=connect&User={user}&ResourceType=ServerlessCache&X-Amz-");
    for said in [first, last] {
        assert!(said.contains("AUTH") && said.contains(&expected), "{said}");
        assert!(said.contains("eu-central-1%2Felasticache%2Faws4_request&"), "{said}");
    }
    assert_ne!(date(first), date(last), "each connection has a token of its own time");
    redis::cmd("ACL").arg(&["DELUSER", &user]).query_async::<()>(&mut redis).await.unwrap();
}

#[tokio::test]
async fn a_way_to_sign_in_that_is_none_ends_the_start_with_one_line() {
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
