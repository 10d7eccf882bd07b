//! What a person can ask of a local API beside the whole of it: a function less, and data to begin with.

use std::fs;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use stack::local_api::LocalApi;
use stack::stack::Persistence;
use stack::workspace;
use testkit::connect;

use crate::{eventually, get, options};

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

// part of books
#[tokio::test(flavor = "multi_thread")]
async fn sample_books_are_the_same_each_time_and_go_into_an_empty_database_only() {
    let mut options = options("e2e-seeded-stack", Persistence::Temporary);
    options.sample_books = Some(1000);
    let api = LocalApi::start(options).await.unwrap();
    let database = connect(api.stack().var("DATABASE_URL")).await;
    let digest = async || {
        let sql = "select md5(string_agg(concat_ws('|', title, author, year, description), '\n' order by id)) \
             from books";
        database.query_one(sql, &[]).await.unwrap().get::<_, String>(0)
    };
    let first = digest().await;
    let page: Value = serde_json::from_str(&get(&api, "/books?page_size=1").await.body).unwrap();
    let url = api.stack().var("DATABASE_URL");
    let refused = stack::sample_books::insert(url, 10).await.unwrap();
    let kept = digest().await;
    database.batch_execute("delete from books").await.unwrap();
    let repeated = stack::sample_books::insert(url, 1000).await.unwrap();
    let second = digest().await;
    let sql = "select count(distinct author) > 100 and count(distinct title) > 500 and count(distinct year) > 50 \
         and count(*) > count(year) and count(*) > count(description) from books";
    let is_varied = database.query_one(sql, &[]).await.unwrap().get::<_, bool>(0);
    api.stop().await;
    assert_eq!(page["total"], 1000, "{page}");
    assert!(refused.contains("--fresh"), "{refused}");
    assert_eq!(repeated, "Sample books: 1000");
    assert_eq!([&kept, &second], [&first, &first]);
    assert!(is_varied);
}
// end of part

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
