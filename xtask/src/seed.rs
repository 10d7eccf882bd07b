//! What a fresh stack is given: the schema, a pair of keys and an administrator.

use std::collections::BTreeMap;

use idempotency::testing::Records;
use maintenance::{Role, Task};
use serde_json::json;
use shared::config::Env;
use shared::lambda::Gateway;
use shared::stores::postgres::ConnectionSettings;
use shared::testing::{Answer, Client, RequestBuilder};
use shared::identity::tokens::{self, GeneratedKeys};

use crate::{Error, Result, error::Context};

/// Brings the database to the newest schema.
pub(crate) async fn migrate(database_url: &str) -> Result<()> {
    maintenance::migrate(&server(database_url)?).await.context("migrate the database").map(drop)
}

/// The server that `database_url` leads to.
pub(crate) fn server(database_url: &str) -> Result<ConnectionSettings> {
    ConnectionSettings::from_env(&Env::of([("DATABASE_URL", database_url)])).context("read the database's URL")
}

/// Keeps a copy of the migrated and still empty database, for tests to copy theirs from: one that is in use
/// can't be copied.
pub(crate) async fn keep_template(database_url: &str) -> Result<()> {
    let url = shared::testing::with_database(database_url, "postgres");
    let client = maintenance::connect(&server(&url)?).await.context("connect to the database postgres")?;
    let sql = format!("create database {} template bookshelf", shared::testing::TEMPLATE);
    // The role's limit is for requests; copying takes as long as the disk does.
    client.batch_execute("set statement_timeout = 0").await.context("lift the limit of statements")?;
    client.batch_execute(&sql).await.context("copy the migrated database")
}

/// Makes the table for idempotent writes, as the template does.
pub(crate) async fn create_table(variables: &BTreeMap<String, String>) -> Result<()> {
    let making = async { Records::from_env(&Env::of(variables.clone()))?.create_table().await };
    making.await.map_err(|error| Error::new(format!("cannot make the table for idempotent writes: {error}")))
}

/// A new pair of keys.
pub(crate) fn key_pair() -> GeneratedKeys {
    tokens::generate()
}

/// Creates `ADMIN_USERNAME` with `ADMIN_PASSWORD`, the way an operator does: somebody registers, and a task
/// gives them the role.
pub(crate) async fn create_admin(variables: &BTreeMap<String, String>) -> Result<()> {
    let env = Env::of(variables.clone());
    let [username, password] = ["ADMIN_USERNAME", "ADMIN_PASSWORD"].map(|name| &variables[name]);
    // As whoever signs in: a database of the user's own may lack the roles of the functions.
    let auth = Client::of(Gateway::from_env::<auth::App>(&env).context("start auth")?);
    let registration = json!({"username": username, "password": password});
    let answer = patiently(|| auth.post("/auth/register").json(&registration)).await;
    if answer.status != 201 {
        // A database of the user's own may know the administrator from the last time. Whoever has the name must
        // have the password as well, before they are given the role.
        let form = [("username", username.as_str()), ("password", password.as_str())];
        let answer = patiently(|| auth.post("/auth/login").form(&form)).await;
        if answer.status != 200 {
            return Err(Error::new(format!("sign the administrator in: {}", answer.text())));
        }
    }
    let task = Task::SetRole { username: username.clone(), role: Role::Admin };
    let maintenance = maintenance::App::from_env(&env).context("start maintenance")?;
    maintenance.run(task).await.context("make the administrator one").map(drop)
}

/// Sends a request, and sends it again while stores that have just been started are too slow for it.
async fn patiently<'a>(request: impl Fn() -> RequestBuilder<'a>) -> Answer {
    const TRIES: u32 = 8;
    let mut answer = request().send().await;
    for _ in 1..TRIES {
        let Some(wait) = answer.retry_after().filter(|_| answer.status == 503) else { break };
        tokio::time::sleep(wait).await;
        answer = request().send().await;
    }
    answer
}
