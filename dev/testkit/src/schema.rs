//! The migrated and still empty database that each test's own is copied from.

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash as _, Hasher as _};

use shared::config::Env;
use shared::stores::postgres::ConnectionSettings;
use stack::workspace;
use tokio_postgres::Client;

use crate::context::with_database;

/// The advisory lock under which a template is made: tests of several processes start at once.
const LOCK: i64 = 0x7465_6d70_6c61_7465;

/// The name of the template for the migrations as they are now, which is made if there is none. `administration` is a
/// connection to the server at `url`.
///
/// # Panics
/// When the migrations fail, or the role may not create databases.
pub async fn template(administration: &Client, url: &str) -> String {
    let name = format!("template_{:016x}", hash_of_migrations());
    administration.execute("select pg_advisory_lock($1)", &[&LOCK]).await.expect("Postgres locks");
    let exists = administration.query("select from pg_database where datname = $1", &[&name]).await;
    if exists.expect("Postgres lists its databases").is_empty() {
        make(administration, url, &name).await;
    }
    administration.execute("select pg_advisory_unlock($1)", &[&LOCK]).await.expect("Postgres unlocks");
    name
}

/// Gives the database its name last, so that one with the name is complete.
async fn make(administration: &Client, url: &str, name: &str) {
    let unfinished = format!("{name}_unfinished");
    for sql in [
        format!("drop database if exists {unfinished} with (force)"),
        format!("create database {unfinished}"),
    ] {
        administration.batch_execute(&sql).await.expect("the role of the stack may create databases");
    }
    let database = Env::of([("DATABASE_URL", with_database(url, &unfinished))]);
    let database = ConnectionSettings::from_env(&database).expect("the URL of the stack is sound");
    maintenance::migrate(&database).await.expect("the migrations apply to an empty database");
    let sql = format!("alter database {unfinished} rename to {name}");
    administration.batch_execute(&sql).await.expect("nobody is connected to the template");
}

fn hash_of_migrations() -> u64 {
    let folder = workspace::root().expect("tests run in the workspace").join("migrations");
    let entries = fs::read_dir(folder).expect("the workspace has migrations").flatten();
    let mut files: Vec<_> = entries.map(|entry| entry.path()).collect();
    files.sort();
    let mut hasher = DefaultHasher::new();
    for file in files {
        (file.file_name(), fs::read(&file).ok()).hash(&mut hasher);
    }
    hasher.finish()
}
