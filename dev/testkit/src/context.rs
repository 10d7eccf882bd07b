//! A database and a key prefix of a test's own.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::OnceCell;
use tokio_postgres::{Client, NoTls};
use uuid::{NoContext, Timestamp, Uuid};

use shared::config::Env;
use stack::env_file;

use crate::schema::template;
use crate::snapshot::DatabaseSnapshot;

/// Names the file with the variables of the stack to test on.
const STACK_VARIABLE: &str = "BOOKSHELF_STACK_ENV";

/// The variables of a running stack, with a database and a key prefix of a test's own. A clone shares both.
#[derive(Clone)]
pub struct TestContext {
    variables: BTreeMap<String, String>,
}

impl TestContext {
    /// Prepares a test context on the running stack: the one whose variables are in the file that
    /// `BOOKSHELF_STACK_ENV` names, or else in `target/stack/env`.
    ///
    /// # Panics
    /// When no stack is running.
    pub async fn new() -> Self {
        Self::on(stack_variables()).await
    }

    /// Prepares a context on the stack that has these variables.
    ///
    /// # Panics
    /// When that stack does not answer.
    pub async fn on(mut variables: BTreeMap<String, String>) -> Self {
        let name = format!("test_{}", Uuid::now_v7().simple());
        let administration = administration(&variables["DATABASE_URL"]).await;
        SWEPT.get_or_init(|| sweep(&administration)).await;
        let url = &variables["DATABASE_URL"];
        let template = TEMPLATE.get_or_init(|| template(&administration, url)).await;
        let sql = format!("create database {name} template {template}");
        administration.batch_execute(&sql).await.expect("the role of the stack may create databases");
        variables.insert("DATABASE_URL".into(), with_database(&variables["DATABASE_URL"], &name));
        variables.insert("REDIS_KEY_PREFIX".into(), format!("{name}:"));
        // Nobody makes this table, unless a test wants one.
        variables.insert("IDEMPOTENCY_TABLE".into(), name.clone());
        variables.insert("BCRYPT_COST".into(), "10".into());
        // Tests share two cores with each other; a stall of theirs is not an outage.
        variables.insert("REDIS_PATIENCE_MS".into(), "1000".into());
        variables.insert("CACHE_PATIENCE_MS".into(), "5000".into());
        Self { variables }
    }

    /// The rows that its database holds now.
    ///
    /// # Panics
    /// When the stack does not answer.
    pub async fn snapshot(&self) -> DatabaseSnapshot {
        DatabaseSnapshot::of(&self.database().await).await.expect("the stack's Postgres answers")
    }

    /// The same context with other rows, nothing in Redis, and nobody connected: quicker than a new one.
    ///
    /// # Panics
    /// When the stack does not answer.
    #[must_use]
    pub async fn cleared(mut self, snapshot: &DatabaseSnapshot) -> Self {
        snapshot.restore(&mut self.database().await).await.expect("the stack's Postgres answers");
        self.variables.insert("REDIS_KEY_PREFIX".into(), format!("test_{}:", Uuid::now_v7().simple()));
        self
    }

    /// Removes the database. One that is left over is swept some time later.
    pub async fn remove(self) {
        let url = &self.variables["DATABASE_URL"];
        let name = url.rsplit_once('/').map_or("", |(_, name)| name);
        let _ = administration(url).await.batch_execute(&format!("drop database {name} with (force)")).await;
    }

    /// Sets a variable.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The value of a variable, empty if there is none.
    #[must_use]
    pub fn variable(&self, name: &str) -> &str {
        self.variables.get(name).map_or("", String::as_str)
    }

    /// The variables by name, for a process.
    #[must_use]
    pub fn variables(&self) -> &BTreeMap<String, String> {
        &self.variables
    }

    /// The variables, for a function in process.
    #[must_use]
    pub fn env(&self) -> Env {
        Env::of(self.variables.clone())
    }

    /// A connection to the database, to look at what is in it.
    pub async fn database(&self) -> Client {
        connect(&self.variables["DATABASE_URL"]).await
    }
}

/// The template, once this process has made or found it.
static TEMPLATE: OnceCell<String> = OnceCell::const_new();

/// Set once this process has swept.
static SWEPT: OnceCell<()> = OnceCell::const_new();

/// Drops what test runs of a while ago left on a stack that is kept. Not each test its own: a drop waits for a
/// checkpoint.
async fn sweep(administration: &Client) {
    let a_while_ago = SystemTime::now() - Duration::from_mins(10);
    let seconds = a_while_ago.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let newest = Uuid::new_v7(Timestamp::from_unix(NoContext, seconds, 0)).simple().to_string();
    let sql =
        r"select datname::text from pg_database where datname like 'test\_%' and datname < 'test_' || $1";
    for row in administration.query(sql, &[&newest]).await.unwrap_or_default() {
        // One that is in use after all stays.
        let _ = administration.batch_execute(&format!("drop database {}", row.get::<_, &str>(0))).await;
    }
}

/// A connection from which databases are made and removed.
async fn administration(url: &str) -> Client {
    connect(&with_database(url, "postgres")).await
}

/// A connection to the database at `url` whose statements may take as long as they do.
///
/// # Panics
/// When the stack does not answer.
pub async fn connect(url: &str) -> Client {
    let (client, connection) =
        tokio_postgres::connect(url, NoTls).await.expect("the stack's Postgres answers");
    tokio::spawn(connection);
    // The role's limit is for requests; a drop waits for a checkpoint, and the next copy for the drop.
    client.batch_execute("set statement_timeout = 0").await.expect("anybody may set it");
    client
}

/// `url` with its path, the database, replaced.
#[must_use]
pub fn with_database(url: &str, database: &str) -> String {
    let base = url.rsplit_once('/').map_or(url, |(base, _)| base);
    format!("{base}/{database}")
}

/// The variables that the running stack sets, as they are in its file.
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
