//! Tasks of `maintenance`, run as an operator would.

use maintenance::App;
use serde_json::Value;
use testkit::{TestContext, incoming};

/// Runs one task as Lambda would hand it over.
pub(crate) async fn run(context: &TestContext, task: Value) -> Result<Value, String> {
    let event = incoming(&task.to_string()).unwrap();
    let report = App::from_env(&context.env()).unwrap().answer(event).await;
    report.map(|report| serde_json::to_value(report).unwrap()).map_err(|error| error.to_string())
}
