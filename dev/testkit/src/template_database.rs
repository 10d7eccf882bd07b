//! The template database: migrated, with the table of the [`probe`], and empty. The database of each test is a copy of
//! it, which is much faster than running the migrations again.
//!
//! The name contains a hash of the migrations and of that table, so a change of them leads to a new template. It is
//! created under an advisory lock, because the tests of several processes start at once.

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash as _, Hasher as _};

use shared::config::Env;
use shared::stores::postgres::ConnectionSettings;
use stack::workspace;
use tokio_postgres::Client;

use crate::database::{connect, with_database};

/// The advisory lock under which a template is created.
const LOCK: i64 = 0x7465_6d70_6c61_7465;

/// The name of the template database for the current migrations, which is created if there is none. `administration`
/// is a connection to the server at `url`.
///
/// # Panics
/// When the migrations fail, or the role may not create databases.
pub async fn template_database(administration: &Client, url: &str) -> String {
    let name = format!("template_{:016x}", hash_of_schema());
    administration.execute("select pg_advisory_lock($1)", &[&LOCK]).await.expect("Postgres locks");
    let exists = administration.query("select from pg_database where datname = $1", &[&name]).await;
    if exists.expect("Postgres lists its databases").is_empty() {
        create(administration, url, &name).await;
    }
    administration.execute("select pg_advisory_unlock($1)", &[&LOCK]).await.expect("Postgres unlocks");
    name
}

/// Creates the template. It gets its name last, so that a database with that name is always complete.
async fn create(administration: &Client, url: &str, name: &str) {
    let unfinished = format!("{name}_unfinished");
    for sql in [
        format!("drop database if exists {unfinished} with (force)"),
        format!("create database {unfinished}"),
    ] {
        administration.batch_execute(&sql).await.expect("the role of the stack may create databases");
    }
    let database = Env::of([("DATABASE_URL", with_database(url, &unfinished))]);
    let database = ConnectionSettings::from_env(&database).expect("the URL of the stack is valid");
    maintenance::migrate(&database).await.expect("the migrations apply to an empty database");
    let client = connect(&with_database(url, &unfinished)).await;
    client.batch_execute(probe::SCHEMA).await.expect("the probe's table fits beside the others");
    drop(client);
    let sql = format!("alter database {unfinished} rename to {name}");
    administration.batch_execute(&sql).await.expect("nobody is connected to the template");
}

fn hash_of_schema() -> u64 {
    let folder = workspace::root().expect("tests run in the workspace").join("migrations");
    let entries = fs::read_dir(folder).expect("the workspace has migrations").flatten();
    let mut files: Vec<_> = entries.map(|entry| entry.path()).collect();
    files.sort();
    let mut hasher = DefaultHasher::new();
    probe::SCHEMA.hash(&mut hasher);
    for file in files {
        (file.file_name(), fs::read(&file).ok()).hash(&mut hasher);
    }
    hasher.finish()
}
