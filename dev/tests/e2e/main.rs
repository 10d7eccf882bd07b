//! The whole API over HTTP: the real binaries behind `cargo lambda watch`, started as `cargo xtask up` starts them.
//!
//! Each test starts an API of its own, with its own servers, since some tests kill a server or a function.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "shows what the programs of a failed test printed")]

mod acceptance;
mod cargo_lambda_watch;
// part of auth
mod clients;
// end of part
mod description;
mod in_process_api;
mod lifecycle;
mod local_options;
#[path = "../api/support/not_run.rs"]
mod not_run;
mod parts;
mod persistence;
// part of rl-demo, bf-demo
mod playground;
// end of part
// part of books
mod sample_books;
// end of part
mod scripts;
mod template;
mod tour;
mod workflows;

use std::process::Command;
use std::time::Duration;

use stack::http::{Response, send};
use stack::local_api::{LocalApi, LogStyle, Options};
use stack::stack::Persistence;
use testkit::connect;
use tokio::time::{sleep, timeout};

/// Starts the local API on a stack of its own, which ends with it.
async fn start_api() -> LocalApi {
    // Not "stack": that one holds the data of whoever works here.
    let api = LocalApi::start(options("e2e-stack", Persistence::Temporary)).await;
    api.unwrap_or_else(|error| panic!("{error}"))
}

/// An API on any port that says nothing on the terminal.
fn options(stack: &str, persistence: Persistence) -> Options {
    // Tests share two cores with each other and with compilers; a stall of theirs is not an outage.
    let variables = [("REDIS_PATIENCE_MS".to_owned(), "1000".to_owned())].into();
    Options {
        port: None,
        log: LogStyle::Hidden,
        stack: stack.to_owned(),
        persistence,
        variables,
        without: Vec::new(),
        // part of books
        sample_books: None,
        // end of part
    }
}

async fn get(api: &LocalApi, path: &str) -> Response {
    send("GET", &format!("{}{path}", api.url()), "").await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tour_in_the_readme_prints_what_it_says() {
    let api = start_api().await;
    let outcome = tour::run(&api.url());
    api.stop().await;
    assert_eq!(outcome, Ok(()));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_path_of_the_router_reaches_a_function() {
    let api = start_api().await;
    let manifest = include_str!("../../../Cargo.toml").parse::<toml::Table>().unwrap();
    let router = &manifest["workspace"]["metadata"]["lambda"]["watch"]["router"];
    let mut wrong = Vec::new();
    for path in router.as_table().unwrap().keys() {
        let path = path.replace("{id}", "1").replace("{*unknown}", "no/such/path");
        let response = send("OPTIONS", &format!("{}{path}", api.url()), "").await.unwrap();
        let expected = if path == "/no/such/path" { 404 } else { 204 };
        if response.status != expected || response.headers.get("x-content-type-options").is_none() {
            wrong.push((path, response));
        }
    }
    api.stop().await;
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_acts_under_its_role_in_the_database() {
    let api = start_api().await;
    let database = connect(api.stack().var("DATABASE_URL")).await;
    let before = get(&api, "/health/ready").await.status;
    // Whoever connects from now on cannot take the role.
    let sql = "alter role bookshelf_system rename to somebody_else; \
         select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname is not null";
    database.batch_execute(sql).await.unwrap();
    let mut after = Vec::new();
    for _ in 0..3 {
        after.push(get(&api, "/health/ready").await.status);
    }
    api.stop().await;
    assert_eq!((before, after), (200, vec![503; 3]));
}

// part of books
#[tokio::test(flavor = "multi_thread")]
async fn each_function_has_exactly_the_rights_of_its_role() {
    let api = start_api().await;
    let database = connect(api.stack().var("DATABASE_URL")).await;
    let before = get(&api, "/books/1").await.status;
    database.batch_execute("revoke select on books from bookshelf_books").await.unwrap();
    let after = get(&api, "/books/1").await.status;
    api.stop().await;
    assert_eq!((before, after), (404, 500));
}
// end of part

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_function_is_started_again() {
    let mut api = start_api().await;
    let url = format!("{}/health", api.url());
    let before = api.processes();
    for process in &before[1..] {
        let killed = Command::new("kill").args(["-9", &process.to_string()]).status().unwrap();
        assert!(killed.success(), "{process}");
    }
    let recovered = async {
        // An event that is handed to a process which has just been killed gets no response.
        let served = async || timeout(Duration::from_secs(2), send("GET", &url, "")).await;
        while !served().await.is_ok_and(|sent| sent.is_ok_and(|response| response.status == 200)) {
            sleep(Duration::from_millis(100)).await;
        }
    };
    let outcome = tokio::select! {
        outcome = api.supervise() => format!("{outcome:?}"),
        recovered = timeout(Duration::from_secs(20), recovered) => format!("{recovered:?}"),
    };
    let after = api.processes();
    api.stop().await;
    assert_eq!(outcome, "Ok(())");
    assert_eq!(after[0], before[0], "cargo-lambda keeps running");
}

/// Repeats the request until the response has this status. Fails after 20 seconds.
async fn eventually(api: &LocalApi, path: &str, status: u16) -> Response {
    let repeated = async {
        loop {
            let response = get(api, path).await;
            if response.status == status {
                return response;
            }
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(Duration::from_secs(20), repeated).await.unwrap_or_else(|_| panic!("{path} never gave {status}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_stores_cause_a_503_and_are_used_again_without_a_restart() {
    let mut api = start_api().await;
    assert_eq!(get(&api, "/health/ready").await.status, 200);
    let before = api.processes();
    for server in ["postgres", "redis"] {
        api.stack_mut().server(server).unwrap().kill().await;
        let unavailable = get(&api, "/health/ready").await;
        assert_eq!(unavailable.status, 503, "{server}: {unavailable:?}");
        assert!(unavailable.headers.contains_key("retry-after"), "{server}: {unavailable:?}");
        api.stack_mut().server(server).unwrap().start_again().await.unwrap();
        eventually(&api, "/health/ready", 200).await;
    }
    api.stack_mut().server("redis").unwrap().kill().await;
    assert_eq!(get(&api, "/openapi.json").await.status, 200, "uncounted requests are served");
    // part of books
    assert_eq!(get(&api, "/books").await.status, 200, "a list needs no Redis");
    // end of part
    let after = api.processes();
    api.stop().await;
    assert_eq!(before, after, "no function was restarted");
}
