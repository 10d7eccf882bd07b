//! The whole API over HTTP: real binaries behind `cargo lambda watch`, brought up as `cargo xtask up` does it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod clients;
mod description;
mod front;
mod scripts;
mod template;
mod tour;

use std::process::Command;
use std::time::Duration;

use stack::http::{Response, send};
use stack::local_api::{LocalApi, LogStyle, Options};
use stack::stack::Lifetime;
use tokio::time::{sleep, timeout};
use tokio_postgres::NoTls;

async fn up() -> LocalApi {
    up_with(&[]).await
}

/// The API with these variables beside those of its stack.
async fn up_with(variables: &[(&str, &str)]) -> LocalApi {
    // Tests share two cores with each other and with compilers; a stall of theirs is not an outage.
    let patience = ("REDIS_PATIENCE_MS", "1000");
    let variables = [variables, &[patience]].concat().into_iter();
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let options = Options { port: None, log: LogStyle::Hidden, lifetime: Lifetime::Temporary, variables };
    LocalApi::start(options).await.unwrap_or_else(|error| panic!("{error}"))
}

async fn get(api: &LocalApi, path: &str) -> Response {
    send("GET", &format!("{}{path}", api.url()), "").await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tour_in_the_readme_is_true() {
    let api = up().await;
    let outcome = tour::take(&api.url());
    api.stop().await;
    assert_eq!(outcome, Ok(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_path_of_the_router_is_answered_by_a_function() {
    let api = up().await;
    let manifest = include_str!("../../../Cargo.toml").parse::<toml::Table>().unwrap();
    let router = &manifest["workspace"]["metadata"]["lambda"]["watch"]["router"];
    let mut wrong = Vec::new();
    for path in router.as_table().unwrap().keys() {
        let path = path.replace("{id}", "1").replace("{*unknown}", "no/such/path");
        let answer = send("OPTIONS", &format!("{}{path}", api.url()), "").await.unwrap();
        let expected = if path == "/no/such/path" { 404 } else { 204 };
        if answer.status != expected || answer.headers.get("x-content-type-options").is_none() {
            wrong.push((path, answer));
        }
    }
    api.stop().await;
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_function_has_the_rights_of_its_role_and_no_more() {
    let api = up().await;
    let (database, connection) =
        tokio_postgres::connect(api.stack().var("DATABASE_URL"), NoTls).await.unwrap();
    tokio::spawn(connection);
    let before = get(&api, "/books/1").await.status;
    database.batch_execute("revoke select on books from bookshelf_books").await.unwrap();
    let after = get(&api, "/books/1").await.status;
    api.stop().await;
    assert_eq!((before, after), (404, 500));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_is_killed_is_started_again() {
    let mut api = up().await;
    let url = format!("{}/health", api.url());
    let before = api.processes();
    for process in &before[1..] {
        let killed = Command::new("kill").args(["-9", &process.to_string()]).status().unwrap();
        assert!(killed.success(), "{process}");
    }
    let served = async {
        while !send("GET", &url, "").await.is_ok_and(|answer| answer.status == 200) {
            sleep(Duration::from_millis(100)).await;
        }
    };
    let outcome = tokio::select! {
        outcome = api.keep_running() => format!("{outcome:?}"),
        served = timeout(Duration::from_secs(20), served) => format!("{served:?}"),
    };
    let after = api.processes();
    api.stop().await;
    assert_eq!(outcome, "Ok(())");
    assert_eq!(after[0], before[0], "the emulator runs on");
}

/// Asks until the answer has this status; the test's own patience ends it.
async fn eventually(api: &LocalApi, path: &str, status: u16) -> Response {
    let asking = async {
        loop {
            let answer = get(api, path).await;
            if answer.status == status {
                return answer;
            }
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(Duration::from_secs(20), asking).await.unwrap_or_else(|_| panic!("{path} never gave {status}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_stores_are_a_503_and_come_back_without_a_restart() {
    let mut api = up().await;
    assert_eq!(get(&api, "/books/1").await.status, 404);
    let before = api.processes();
    for (server, path, up_again) in [("postgres", "/books/1", 404), ("redis", "/health/ready", 200)] {
        api.stack_mut().server(server).unwrap().kill().await;
        let away = get(&api, path).await;
        assert_eq!(away.status, 503, "{server}: {away:?}");
        assert!(away.headers.contains_key("retry-after"), "{server}: {away:?}");
        api.stack_mut().server(server).unwrap().start_again().await.unwrap();
        eventually(&api, path, up_again).await;
    }
    api.stack_mut().server("redis").unwrap().kill().await;
    assert_eq!(get(&api, "/books").await.status, 200, "a list needs no Redis");
    let after = api.processes();
    api.stop().await;
    assert_eq!(before, after, "no function was restarted");
}
