//! What a person can ask of a local API beside the whole of it: a function less.

use std::fs;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use stack::local_api::LocalApi;
use stack::stack::Persistence;
use stack::workspace;

use crate::{eventually, options};

/// A process that is killed when the test ends.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_was_left_out_answers_when_somebody_starts_it() {
    let mut options = options("e2e-left-out-stack", Persistence::Temporary);
    options.without = vec!["system".to_owned()];
    let api = LocalApi::start(options).await.unwrap();
    let started = api.processes().len();
    // part of books
    assert_eq!(crate::get(&api, "/books").await.status, 200, "the others serve without it");
    // end of part
    let [left_out] = api.left_out() else { panic!("{:?}", api.left_out()) };
    let shell = Command::new("sh").args(["-c", &left_out.command()]).stdout(Stdio::null()).spawn().unwrap();
    let shell = Killed(shell);
    let response = eventually(&api, "/openapi.json", 200).await;
    drop(shell);
    api.stop().await;
    assert_eq!(started, workspace::functions().unwrap().len(), "cargo-lambda, and all functions but one");
    assert!(response.headers.contains_key("ratelimit"), "{response:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_of_no_function_can_not_be_left_out() {
    let mut options = options("e2e-left-out-stack", Persistence::Temporary);
    options.without = vec!["systems".to_owned()];
    let error = LocalApi::start(options).await.err().unwrap().to_string();
    assert!(error.contains("no function called systems") && error.contains("smoke-test"), "{error}");
}

#[test]
fn the_launch_files_offer_every_function() {
    let root = workspace::root().unwrap();
    for file in [".vscode/launch.json", ".vscode/tasks.json"] {
        let text = fs::read_to_string(root.join(file)).unwrap();
        let document: Value = serde_json::from_str(&text).unwrap();
        let options = document["inputs"][0]["options"].as_array().unwrap();
        assert_eq!(*options, workspace::functions().unwrap(), "{file}");
    }
}
