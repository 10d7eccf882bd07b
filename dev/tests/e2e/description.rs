//! The API as its description promises it: to a program that tries to break the promise, to a client generated from
//! it, and to a person at `/docs`.

use std::collections::BTreeMap;
use std::path::Path;

use stack::local_api::LocalApi;
use stack::stack::{Lifetime, Stack};
use stack::tools::Browser;

use crate::front::Front;
use crate::scripts;

/// So many requests in one second that no quota is ever used up.
const ENOUGH: &str = "10000/1";

#[tokio::test(flavor = "multi_thread")]
async fn schemathesis_finds_no_promise_of_the_description_broken() {
    let mut stack = Stack::start("e2e-stack", Lifetime::Temporary).await.unwrap();
    stack.seed().await.unwrap();
    let mut variables: BTreeMap<String, String> = stack.env().clone();
    for quota in ["DEFAULT", "LOGIN", "REGISTER", "PASSWORD", "PING", "LOGIN_SIM"] {
        variables.insert(format!("RATE_LIMIT_{quota}"), ENOUGH.to_owned());
    }
    variables.insert("BCRYPT_COST".to_owned(), "10".to_owned());
    variables.insert("REDIS_PATIENCE_MS".to_owned(), "1000".to_owned());
    let front = Front::start(&variables).await;
    let outcome = scripts::run(
        "description",
        "conformance.py",
        &[front.url(), shown(&stack.env_file()), kept("schemathesis")],
    )
    .await;
    stack.stop().await;
    println!("{}", outcome.unwrap_or_else(|error| panic!("{error}")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_generated_client_and_a_person_at_the_docs_sign_in_and_use_books() {
    let api = crate::up().await;
    let description = concat!(env!("CARGO_MANIFEST_DIR"), "/../../openapi.json").to_owned();
    let generated = scripts::run("description", "generated.py", &[api.url(), description]).await;
    let browser = browse(&api).await;
    api.stop().await;
    for outcome in [generated, browser] {
        println!("{}", outcome.unwrap_or_else(|error| panic!("{error}")));
    }
}

/// In Chromium, from the machine or installed; where neither is possible, this fails.
async fn browse(api: &LocalApi) -> Result<String, String> {
    let Browser { program, libraries } = stack::tools::chromium().await.map_err(|error| error.to_string())?;
    let arguments = [api.url(), shown(&program), libraries, kept("docs.png")];
    scripts::run("description", "browser.py", &arguments).await
}

/// Where something to look at afterwards is kept.
fn kept(name: &str) -> String {
    let folder = stack::workspace::target().unwrap().join("e2e");
    std::fs::create_dir_all(&folder).unwrap();
    shown(&folder.join(name))
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
