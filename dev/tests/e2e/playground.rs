// part of rl-demo, bf-demo

//! The page at `/playground` in a browser: two people on two networks watch the limiter and the lockout.

use stack::stack::{Persistence, Stack};
use stack::tools::Browser;

use crate::description::{output_path, text};
use crate::in_process_api::{InProcessApi, Source};
use crate::scripts;

#[tokio::test(flavor = "multi_thread")]
async fn the_playground_shows_a_quota_run_out_and_a_lock_open_and_nothing_of_others() {
    let mut stack = Stack::start("e2e-stack", Persistence::Temporary).await.unwrap();
    stack.seed().await.unwrap();
    let mut variables = stack.env().clone();
    // Longer than the thirty requests take on a busy machine, and shorter than the lock.
    variables.insert("RATE_LIMIT_PING".to_owned(), "5/20".to_owned());
    variables.insert("REDIS_PATIENCE_MS".to_owned(), "1000".to_owned());
    let [one, other] = ["192.0.2.1", "192.0.2.2"].map(Source::Address);
    let (api, other_api) =
        tokio::join!(InProcessApi::start(&variables, one), InProcessApi::start(&variables, other));
    let Browser { program, libraries } = stack::tools::chromium().await.unwrap();
    let arguments = [api.url(), other_api.url(), text(&program), libraries, output_path("")];
    let outcome = scripts::run("playground", "browser.py", &arguments).await;
    stack.stop().await;
    println!("{}", outcome.unwrap_or_else(|error| panic!("{error}")));
}
