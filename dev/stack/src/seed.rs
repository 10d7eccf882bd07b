//! The state that a fresh stack is given: the newest schema, and an administrator.
//!
//! Both come about as in production: `maintenance` migrates, a user registers with `auth`, and `maintenance` gives that
//! user the role. Each function runs as a process that is handed one event.

use std::{collections::BTreeMap, time::Duration};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::{
    Error, Result,
    environment::{ExecutionEnvironment, Failure, http_event},
    workspace::MAINTENANCE,
};

/// Stores that have just been started may be too slow for the first requests.
const ATTEMPTS: u32 = 8;

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

/// Registers `ADMIN_USERNAME` with `ADMIN_PASSWORD`, unless that user exists, and makes it an administrator.
///
/// # Errors
/// If the user exists with another password. Somebody else may have registered it, who must not become administrator.
pub async fn create_admin(variables: &BTreeMap<String, String>) -> Result<()> {
    let [username, password] = ["ADMIN_USERNAME", "ADMIN_PASSWORD"].map(|name| &variables[name]);
    let auth = ExecutionEnvironment::start("auth", variables).await?;
    let person = json!({"username": username, "password": password}).to_string();
    let registered = request(&auth, "/auth/register", "application/json", &person).await?;
    if registered["statusCode"] != 201 {
        let encode = |text| utf8_percent_encode(text, NON_ALPHANUMERIC);
        let form = format!("username={}&password={}", encode(username), encode(password));
        let signed_in = request(&auth, "/auth/login", "application/x-www-form-urlencoded", &form).await?;
        if signed_in["statusCode"] != 200 {
            return Err(Error::new(format!("cannot sign the administrator in: {}", signed_in["body"])));
        }
    }
    let task = json!({"task": "set_role", "username": username, "role": "admin"});
    let made = run_task(variables, &task).await;
    made.map(drop)
        .map_err(|failure| Error::new(format!("cannot make {username} an administrator: {failure}")))
}

async fn run_task(variables: &BTreeMap<String, String>, task: &Value) -> Result<Value, Failure> {
    let environment = ExecutionEnvironment::start(MAINTENANCE, variables).await.map_err(Failure::here)?;
    environment.invoke(&task.to_string()).await
}

/// Sends a request, and sends it again while the stores are too slow for it.
async fn request(auth: &ExecutionEnvironment, path: &str, media_type: &str, body: &str) -> Result<Value> {
    let event = http_event("POST", path, media_type, body).to_string();
    let mut attempt = 1;
    loop {
        let response = auth.invoke(&event).await;
        let response = response.map_err(|failure| Error::new(format!("cannot ask auth: {failure}")))?;
        if response["statusCode"] != 503 || attempt == ATTEMPTS {
            return Ok(response);
        }
        attempt += 1;
        sleep(Duration::from_secs(1)).await;
    }
}
