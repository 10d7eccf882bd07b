//! Postgres: a cluster of its own, tuned for throwing away, with a role that may do only what the API may.

use std::fs;

use rustix::process::Signal;
use tokio_postgres::{Client, Config, NoTls};

use super::{Ready, Server};
use crate::{Error, Result, error::Context, place::Place, ports, process::Process, random, tools::Tool};

/// The role that the functions connect as, and the name of its database.
const URL_USER: &str = "bookshelf";

/// What a crash may lose does not matter here, and waiting for a disk would triple the tests' time.
const SETTINGS: [&str; 7] = [
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "max_connections=200",
    "shared_buffers=64MB",
];

/// Creates a cluster and starts it on a free port, with the role and the database in it.
pub(crate) async fn prepare(initdb: &Tool, place: &Place<'_>) -> Result<Server> {
    let admin_password = random::token()?;
    create_cluster(initdb, place, &admin_password).await?;
    let (port, password) = (ports::free()?, random::token()?);
    let mut admin = Config::new();
    admin.host("127.0.0.1").port(port).user("postgres").password(&admin_password).dbname("postgres");
    let settings = SETTINGS.iter().flat_map(|setting| ["-c", setting]);
    let launch = place
        .launch("postgres", &initdb.beside("postgres"))
        .args(["-p", &port.to_string()])
        .args(settings)
        .args(["-D"])
        .path(place.data("postgres")?.join("cluster"));
    let mut server = Server {
        name: "postgres",
        url: format!("postgres://{URL_USER}:{password}@127.0.0.1:{port}/{URL_USER}"),
        launch,
        ready: Ready::Postgres(Box::new(admin.clone())),
        // "Fast" shutdown; SIGTERM would wait for every client to leave.
        stop_with: Signal::INT,
        process: None,
    };
    server.start().await?;
    create_database(&admin, &password).await?;
    Ok(server)
}

/// Whether the server answers a query, not only takes a connection: while it recovers it does not.
pub(super) async fn answers(config: &Config) -> bool {
    let Ok(client) = connect(config).await else { return false };
    client.simple_query("select 1").await.is_ok()
}

async fn create_cluster(initdb: &Tool, place: &Place<'_>, password: &str) -> Result<()> {
    let data = place.data("postgres")?;
    let password_file = data.join("password");
    fs::write(&password_file, password).context(format!("write {}", password_file.display()))?;
    place.hand_over(&password_file)?;
    let mut outcome = Ok(());
    // macOS and older systems have no C.UTF-8.
    for locale in ["C.UTF-8", "C"] {
        let launch = place
            .launch("initdb", initdb)
            .args(["--username=postgres", "--auth=scram-sha-256", "--encoding=UTF8", "--no-sync"])
            .args([
                format!("--locale={locale}"),
                format!("--pwfile={}", password_file.display()),
                "-D".into(),
            ])
            .path(data.join("cluster"));
        let status = Process::spawn(&launch).await?.wait().await?;
        if status.success() {
            outcome = Ok(());
            break;
        }
        outcome = Err(Error::new(format!("initdb failed: {status}{}", launch.last_words())));
    }
    let _ = fs::remove_file(&password_file);
    outcome
}

/// The role may create roles: a migration makes one for each function. The timeouts stand on the role because a session that set them could not share a pooled connection.
async fn create_database(admin: &Config, password: &str) -> Result<()> {
    let client = connect(admin).await.context("connect to Postgres")?;
    let statements = [
        format!("create role {URL_USER} login createdb createrole password '{password}'"),
        format!("alter role {URL_USER} set statement_timeout = '1400ms'"),
        format!("alter role {URL_USER} set lock_timeout = '1s'"),
        format!("alter role {URL_USER} set idle_in_transaction_session_timeout = '5s'"),
    ];
    for statement in statements {
        client.simple_query(&statement).await.context("create the role")?;
    }
    if is_available(&client, "pg_trgm").await? {
        // In the template, so that databases made by tests have it too: the role may not create it.
        let mut template = admin.clone();
        let template = connect(template.dbname("template1")).await.context("connect to template1")?;
        template.simple_query("create extension if not exists pg_trgm").await.context("create pg_trgm")?;
    }
    let statement = format!("create database {URL_USER} owner {URL_USER}");
    client.simple_query(&statement).await.context("create the database")?;
    Ok(())
}

async fn is_available(client: &Client, extension: &str) -> Result<bool> {
    let statement = format!("select 1 from pg_available_extensions where name = '{extension}'");
    let found = client.query_opt(&statement, &[]).await.context("list Postgres's extensions")?;
    Ok(found.is_some())
}

async fn connect(config: &Config) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = config.connect(NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}
