//! The API against its `OpenAPI` description: linters read it, Schemathesis looks for responses that violate it,
//! clients generated from it use the API, and a browser uses the page at `/docs`.

use std::collections::BTreeMap;
use std::path::Path;

use shared::protection::quotas;
use stack::local_api::LocalApi;
use stack::stack::{Persistence, Stack};
use stack::tools::Browser;

use crate::in_process_api::{InProcessApi, Source};
use crate::scripts;

/// The description, as it is served.
const DESCRIPTION: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../openapi.json");

/// A quota that no test uses up: 10,000 requests in one second.
const LARGE_QUOTA: &str = "10000/1";

#[tokio::test(flavor = "multi_thread")]
async fn schemathesis_finds_no_violation_of_the_description() {
    let mut stack = Stack::start("e2e-stack", Persistence::Temporary).await.unwrap();
    stack.seed().await.unwrap();
    let mut variables: BTreeMap<String, String> = stack.env().clone();
    for quota in quotas::ALL {
        variables.insert(quota.variable(), LARGE_QUOTA.to_owned());
    }
    variables.insert("BCRYPT_COST".to_owned(), "10".to_owned());
    variables.insert("REDIS_PATIENCE_MS".to_owned(), "1000".to_owned());
    let api = InProcessApi::start(&variables, Source::NewNetworks).await;
    let outcome = scripts::run(
        "description",
        "conformance.py",
        &[api.url(), text(&stack.env_file()), output_path("schemathesis")],
    )
    .await;
    stack.stop().await;
    println!("{}", outcome.unwrap_or_else(|error| panic!("{error}")));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_description_breaks_no_rule_of_two_linters() {
    let outcome = scripts::run_with_node("typescript", "lint.mjs", &[DESCRIPTION.to_owned()]).await;
    println!("{}", outcome.unwrap_or_else(|error| panic!("{error}")));
}

#[tokio::test(flavor = "multi_thread")]
async fn generated_clients_and_a_browser_at_the_docs_use_the_api() {
    let api = crate::start_api().await;
    // The browser first: what it creates must be on the first page.
    let browser = browse(&api).await;
    let arguments = [api.url(), DESCRIPTION.to_owned()];
    let python = scripts::run("description", "generated.py", &arguments).await;
    let typescript = scripts::run_with_node("typescript", "generated.mjs", &arguments).await;
    api.stop().await;
    for outcome in [python, typescript, browser] {
        println!("{}", outcome.unwrap_or_else(|error| panic!("{error}")));
    }
}

/// Uses the page in Chromium, which is taken from the machine or else installed. Fails where neither is possible.
async fn browse(api: &LocalApi) -> Result<String, String> {
    let Browser { program, libraries } = stack::tools::chromium().await.map_err(|error| error.to_string())?;
    let arguments = [api.url(), text(&program), libraries, output_path("docs.png")];
    scripts::run("description", "browser.py", &arguments).await
}

/// The path of a file in `target/e2e`, where a report or a screenshot stays after the test.
pub(crate) fn output_path(name: &str) -> String {
    let folder = stack::workspace::target().unwrap().join("e2e");
    std::fs::create_dir_all(&folder).unwrap();
    text(&folder.join(name))
}

pub(crate) fn text(path: &Path) -> String {
    path.display().to_string()
}
