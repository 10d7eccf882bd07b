//! `cargo lambda watch` as its own documentation has it: it builds the function that is asked, and starts it with the
//! variables of its environment.

use std::time::Duration;

use rustix::process::Signal;
use stack::http::send;
use stack::ports;
use stack::process::Process;
use stack::stack::{Persistence, Stack};
use stack::tools::Tools;
use stack::workspace;
use tokio::time::{sleep, timeout};

/// It may have to compile what the local API compiles with other features.
const COMPILATION: Duration = Duration::from_mins(5);

#[tokio::test(flavor = "multi_thread")]
async fn cargo_lambda_watch_serves_a_function_with_the_variables_of_a_stack() {
    let stack = Stack::start("e2e-watch-stack", Persistence::Temporary).await.unwrap();
    let cargo_lambda = Tools::new().unwrap().cargo_lambda().await.unwrap();
    let (port, log) =
        (ports::free().unwrap(), workspace::target().unwrap().join("e2e/cargo-lambda-watch.log"));
    std::fs::create_dir_all(log.parent().unwrap()).unwrap();
    let watch = cargo_lambda
        .spec("cargo-lambda")
        // No other test may reload it.
        .args(["lambda", "watch", "--ignore-changes", "--disable-cors", "--invoke-address", "127.0.0.1"])
        .args(["--invoke-port", &port.to_string()])
        .envs(stack.env())
        .dir(workspace::root().unwrap())
        .log(&log);
    let mut watch = Process::spawn(&watch).await.unwrap();
    let url = format!("http://127.0.0.1:{port}/openapi.json");
    let answered = timeout(COMPILATION, async {
        loop {
            match send("GET", &url, "").await {
                Ok(response) => return response,
                Err(_) => sleep(Duration::from_millis(100)).await,
            }
        }
    });
    let response = answered.await;
    watch.stop(Signal::INT, Duration::from_secs(5)).await;
    stack.stop().await;
    let log = std::fs::read_to_string(&log).unwrap();
    let response = response.unwrap_or_else(|_| panic!("no answer\n{log}"));
    assert_eq!(response.status, 200, "{response:?}\n{log}");
    assert!(response.headers.contains_key("ratelimit"), "it counts in Redis: {response:?}");
}
