//! The context of a test: a database, and a prefix for its keys in Redis, that no other test uses.
//!
//! All tests share the servers of one running stack and run in parallel. The database is a copy of the
//! [template](crate::template_database()). It is not dropped at the end of its test, because a drop waits for a
//! checkpoint: each process first drops the databases that earlier ones left more than ten minutes ago.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::OnceCell;
use tokio_postgres::Client;
use uuid::{NoContext, Timestamp, Uuid};

use shared::config::Env;
use shared::protection::quotas;
use stack::cache_users::ADMIN_VARIABLE;
use stack::env_file;
use stack::environment::variables_of;

use crate::database::{connect, connect_as_administrator, with_database};
use crate::snapshot::DatabaseSnapshot;
use crate::template_database::template_database;

/// The environment variable that names the file with the variables of the stack.
const STACK_VARIABLE: &str = "BOOKSHELF_STACK_ENV";

/// The variables of a running stack, with a database and a key prefix for one test. A clone shares both.
#[derive(Clone)]
pub struct TestContext {
    variables: BTreeMap<String, String>,
}

impl TestContext {
    /// Creates a context on the running stack, which has the [`stack_variables`].
    ///
    /// # Panics
    /// When no stack is running.
    pub async fn new() -> Self {
        Self::on_stack(stack_variables()).await
    }

    /// Creates a context on the stack with these variables.
    ///
    /// # Panics
    /// When that stack does not answer.
    pub async fn on_stack(mut variables: BTreeMap<String, String>) -> Self {
        let name = format!("test_{}", Uuid::now_v7().simple());
        let administration = connect_as_administrator(&variables["DATABASE_URL"]).await;
        OLD_DATABASES_DROPPED.get_or_init(|| drop_old_databases(&administration)).await;
        let url = &variables["DATABASE_URL"];
        let template = TEMPLATE.get_or_init(|| template_database(&administration, url)).await;
        let sql = format!("create database {name} template {template}");
        administration.batch_execute(&sql).await.expect("the role of the stack may create databases");
        variables.insert("DATABASE_URL".into(), with_database(&variables["DATABASE_URL"], &name));
        variables.insert("REDIS_KEY_PREFIX".into(), format!("{name}:"));
        // The table does not exist, unless a test creates it.
        variables.insert("IDEMPOTENCY_TABLE".into(), name.clone());
        variables.insert("BCRYPT_COST".into(), "10".into());
        // Tests share few cores, so a store may answer late; that must not count as an outage.
        variables.insert("REDIS_PATIENCE_MS".into(), "1000".into());
        variables.insert("CACHE_PATIENCE_MS".into(), "5000".into());
        Self { variables }
    }

    /// The rows that are in the database now.
    ///
    /// # Panics
    /// When the stack does not answer.
    pub async fn snapshot(&self) -> DatabaseSnapshot {
        DatabaseSnapshot::of(&self.database().await).await.expect("the stack's Postgres answers")
    }

    /// Resets the context for another test, which is faster than a new one: the database has the rows of `snapshot` and
    /// no other connections, and the prefix is new.
    ///
    /// # Panics
    /// When the stack does not answer.
    #[must_use]
    pub async fn cleared(mut self, snapshot: &DatabaseSnapshot) -> Self {
        snapshot.restore(&mut self.database().await).await.expect("the stack's Postgres answers");
        self.variables.insert("REDIS_KEY_PREFIX".into(), format!("test_{}:", Uuid::now_v7().simple()));
        self
    }

    /// Drops the database.
    pub async fn remove(self) {
        let url = &self.variables["DATABASE_URL"];
        let name = url.rsplit_once('/').map_or("", |(_, name)| name);
        let _ = connect_as_administrator(url)
            .await
            .batch_execute(&format!("drop database {name} with (force)"))
            .await;
    }

    /// Sets a variable.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Sets every quota to `value`, written as `n/seconds`.
    #[must_use]
    pub fn with_every_quota(self, value: &str) -> Self {
        quotas::ALL.iter().fold(self, |context, quota| context.with(&quota.variable(), value))
    }

    /// The value of a variable, empty if there is none.
    #[must_use]
    pub fn variable(&self, name: &str) -> &str {
        self.variables.get(name).map_or("", String::as_str)
    }

    /// The variables by name, for a function in a process of its own.
    #[must_use]
    pub fn variables(&self) -> &BTreeMap<String, String> {
        &self.variables
    }

    /// The variables, for a function or a part of one in this process.
    #[must_use]
    pub fn env(&self) -> Env {
        Env::of(self.variables.clone())
    }

    /// The variables of one function: under its role in the database, and as its user of the cache.
    ///
    /// # Panics
    /// When `template.yaml`, which names the users, cannot be read.
    #[must_use]
    pub fn env_of(&self, function: &str) -> Env {
        Env::of(variables_of(function, &self.variables).expect("tests run in the workspace"))
    }

    /// The URL of Redis for a test that looks at keys or damages them, which no function may do. On a server that is
    /// not the stack's it is the URL of the functions.
    #[must_use]
    pub fn redis_admin_url(&self) -> &str {
        self.variables.get(ADMIN_VARIABLE).map_or_else(|| self.variable("REDIS_URL"), String::as_str)
    }

    /// Connects to the database, for a test to read or change rows.
    pub async fn database(&self) -> Client {
        connect(&self.variables["DATABASE_URL"]).await
    }
}

/// The name of the template database, once this process has created or found it.
static TEMPLATE: OnceCell<String> = OnceCell::const_new();

/// Set once this process has dropped the old databases.
static OLD_DATABASES_DROPPED: OnceCell<()> = OnceCell::const_new();

/// Drops the databases that tests created more than ten minutes ago.
async fn drop_old_databases(administration: &Client) {
    let ten_minutes_ago = SystemTime::now() - Duration::from_mins(10);
    let seconds = ten_minutes_ago.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let newest = Uuid::new_v7(Timestamp::from_unix(NoContext, seconds, 0)).simple().to_string();
    let sql =
        r"select datname::text from pg_database where datname like 'test\_%' and datname < 'test_' || $1";
    for row in administration.query(sql, &[&newest]).await.unwrap_or_default() {
        // Fails for a database that is still in use.
        let _ = administration.batch_execute(&format!("drop database {}", row.get::<_, &str>(0))).await;
    }
}

/// The variables of the running stack: from the file that `BOOKSHELF_STACK_ENV` names, or else `target/stack/env`.
///
/// # Panics
/// When no stack is running.
#[expect(clippy::disallowed_methods, reason = "finds the stack; no function is configured this way")]
#[must_use]
pub fn stack_variables() -> BTreeMap<String, String> {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/stack/env");
    let path = std::env::var_os(STACK_VARIABLE).map_or(default, Into::into);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|_| {
        panic!("no stack is running; `cargo xtask test` starts one, `cargo xtask stack` keeps one")
    });
    env_file::parse(&text)
}
