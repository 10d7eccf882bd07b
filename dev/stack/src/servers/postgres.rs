//! Postgres: a cluster of its own, set up for speed and not for crashes of the machine, with a role for the API.

use std::fs;

use rustix::process::Signal;
use tokio_postgres::{Client, Config, NoTls};

use super::{server::Server, server_context::ServerContext};
use crate::{Error, Result, error::Context, ports, process::Process, random, tools::Tool};

/// The role that migrates and that the functions sign in as, and the name of its database.
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

/// The cluster of a stack, which may be there already.
pub(crate) enum Postgres<'a> {
    /// There is none yet.
    New,
    /// An earlier stack has made it, and connected to it with this URL.
    Existing { url: &'a str },
}

/// Starts the cluster, with the role and the database in it. A saved one gets the port that it had, if that is free.
pub(crate) async fn prepare(
    initdb: &Tool,
    context: &ServerContext<'_>,
    cluster: Postgres<'_>,
) -> Result<Server> {
    match cluster {
        Postgres::Existing { url } => {
            let mut config: Config = url.parse().context("read the saved URL of the database")?;
            let port = ports::free_as(config.get_ports().first().copied())?;
            let password = String::from_utf8_lossy(config.get_password().unwrap_or_default()).into_owned();
            let address = address(port, &password);
            config = address.parse().context("read the saved URL of the database")?;
            let mut server = server(initdb, context, port, address, config)?;
            server.start().await?;
            Ok(server)
        }
        Postgres::New => {
            let admin_password = random::token()?;
            create_cluster(initdb, context, &admin_password).await?;
            let (port, password) = (ports::free()?, random::token()?);
            let mut admin = Config::new();
            admin.host("127.0.0.1").port(port).user("postgres").password(&admin_password).dbname("postgres");
            let mut server = server(initdb, context, port, address(port, &password), admin.clone())?;
            server.start().await?;
            create_database(&admin, &password).await?;
            Ok(server)
        }
    }
}

fn address(port: u16, password: &str) -> String {
    format!("postgres://{URL_USER}:{password}@127.0.0.1:{port}/{URL_USER}")
}

/// The server of the cluster, ready when it answers whoever `config` describes.
fn server(
    initdb: &Tool,
    context: &ServerContext<'_>,
    port: u16,
    url: String,
    config: Config,
) -> Result<Server> {
    let settings = SETTINGS.iter().flat_map(|setting| ["-c", setting]);
    let spec = context
        .spec("postgres", &initdb.beside("postgres"))
        .args(["-p", &port.to_string()])
        .args(settings)
        .args(["-D"])
        .path(context.data("postgres")?.join("cluster"));
    let server = Server::new("postgres", url, spec, move || {
        let config = config.clone();
        async move { answers(&config).await }
    });
    // "Fast" shutdown; SIGTERM would wait for every client to leave.
    Ok(server.stopped_with(Signal::INT))
}

/// Whether the server answers a query, not only takes a connection: while it recovers it does not.
async fn answers(config: &Config) -> bool {
    let Ok(client) = connect(config).await else { return false };
    client.simple_query("select 1").await.is_ok()
}

async fn create_cluster(initdb: &Tool, context: &ServerContext<'_>, password: &str) -> Result<()> {
    let data = context.data("postgres")?;
    let password_file = data.join("password");
    fs::write(&password_file, password).context(format!("write {}", password_file.display()))?;
    context.make_readable(&password_file)?;
    let mut outcome = Ok(());
    // macOS and older systems have no C.UTF-8.
    for locale in ["C.UTF-8", "C"] {
        let spec = context
            .spec("initdb", initdb)
            .args(["--username=postgres", "--auth=scram-sha-256", "--encoding=UTF8", "--no-sync"])
            .args([
                format!("--locale={locale}"),
                format!("--pwfile={}", password_file.display()),
                "-D".into(),
            ])
            .path(data.join("cluster"));
        let status = Process::spawn(&spec).await?.wait().await?;
        if status.success() {
            outcome = Ok(());
            break;
        }
        outcome = Err(Error::new(format!("initdb failed: {status}{}", spec.log_tail())));
    }
    let _ = fs::remove_file(&password_file);
    outcome
}

/// The role may create roles: a migration makes one for each function. The timeouts stand on the role because a session
/// that set them could not share a pooled connection.
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
