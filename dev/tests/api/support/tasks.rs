//! Runs tasks of `maintenance` in this process, as an operator runs them on Lambda.

use maintenance::App;
use serde_json::Value;
use testkit::{TestContext, invocation_event};

/// Runs one task. `Err` is the message of its error.
pub(crate) async fn run(context: &TestContext, task: Value) -> Result<Value, String> {
    let event = invocation_event(&task.to_string()).unwrap();
    let report = App::from_env(&context.env()).unwrap().handle(event).await;
    report.map(|report| serde_json::to_value(report).unwrap()).map_err(|error| error.to_string())
}
