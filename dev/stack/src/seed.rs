//! The newest schema, to which `maintenance` brings the database as in production.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{
    Error, Result,
    environment::{ExecutionEnvironment, Failure},
    workspace::MAINTENANCE,
};

/// Brings the database of `DATABASE_URL` to the newest schema. Returns the migrations that were applied.
///
/// # Errors
/// If a migration fails, or one that is applied already has been edited since.
pub async fn migrate(variables: &BTreeMap<String, String>) -> Result<Vec<Value>> {
    let report = run_task(variables, &json!({"task": "migrate"})).await.map_err(|failure| {
        Error::new(format!(
            "cannot migrate the database: {}{}",
            failure.error_message,
            migration_hint(&failure)
        ))
    })?;
    Ok(report["applied"].as_array().cloned().unwrap_or_default())
}

/// The next step if the database was migrated with other files than those that are here now; empty for other failures.
fn migration_hint(failure: &Failure) -> &'static str {
    if ["is different", "is missing"].iter().any(|words| failure.error_message.contains(words)) {
        "\nThe files in migrations/ are not those that this database was made with. Undo the edit, or begin with an \
         empty database: `cargo xtask up --fresh`."
    } else {
        ""
    }
}

/// Runs `maintenance` with a task, as a process that is handed one event.
pub(crate) async fn run_task(variables: &BTreeMap<String, String>, task: &Value) -> Result<Value, Failure> {
    let environment = ExecutionEnvironment::start(MAINTENANCE, variables).await.map_err(Failure::here)?;
    environment.invoke(&task.to_string()).await
}
