//! Measures single operations of the stores and the password hash for `cargo xtask bench`: by the crates that the
//! functions use, built in their profile, without any code of the functions.
//!
//! Each line of the standard input is a command in JSON. Each is answered by a line on the standard output: the
//! duration in nanoseconds, or an error message.

use std::collections::HashMap;
use std::error::Error;
use std::io::{BufRead as _, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::BytesMut;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Pipeline};
use serde_json::Value;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, NoTls};

type Result<T> = std::result::Result<T, Box<dyn Error + Sync + Send>>;

/// The open connections by URL.
#[derive(Default)]
struct Connections {
    redis: HashMap<String, MultiplexedConnection>,
    sockets: HashMap<String, TcpStream>,
    postgres: HashMap<String, Client>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let mut connections = Connections::default();
    let mut output = std::io::stdout();
    for line in std::io::stdin().lock().lines() {
        let command = serde_json::from_str(&line?)?;
        match execute(&command, &mut connections).await {
            Ok(duration) => writeln!(output, "{}", duration.as_nanos())?,
            Err(error) => writeln!(output, "{}", error.to_string().replace('\n', " "))?,
        }
        output.flush()?;
    }
    Ok(())
}

async fn execute(command: &Value, connections: &mut Connections) -> Result<Duration> {
    let text = |name: &str| command[name].as_str().unwrap_or_default();
    match text("do") {
        "ping" => ping(text("url"), connections).await,
        "commands" => commands(text("url"), &command["commands"], connections).await,
        "at_once" => at_once(command, connections).await,
        "socket_ping" => socket_ping(text("url"), connections),
        "bcrypt" => hash(command["cost"].as_u64().unwrap_or(12).try_into()?),
        "query" => query(text("url"), &command["statements"], connections).await,
        other => Err(format!("there is no command `{other}`").into()),
    }
}

/// Sends one PING through the Redis client that the functions use.
async fn ping(url: &str, connections: &mut Connections) -> Result<Duration> {
    let connection = redis_at(url, connections).await?;
    let started = Instant::now();
    redis::cmd("PING").query_async::<()>(connection).await?;
    Ok(started.elapsed())
}

/// Sends Redis commands in one round trip. Each is an array of its parts in base64.
async fn commands(url: &str, commands: &Value, connections: &mut Connections) -> Result<Duration> {
    let pipeline = pipeline(commands)?;
    let connection = redis_at(url, connections).await?;
    let started = Instant::now();
    if !pipeline.is_empty() {
        std::hint::black_box(pipeline.query_async::<redis::Value>(connection).await?);
    }
    Ok(started.elapsed())
}

/// Sends Redis commands and SQL statements at once, to the servers at `redis` and `postgres`.
async fn at_once(command: &Value, connections: &mut Connections) -> Result<Duration> {
    let text = |name: &str| command[name].as_str().unwrap_or_default();
    let (pipeline, statements) = (pipeline(&command["commands"])?, statements(&command["statements"])?);
    let mut redis = redis_at(text("redis"), connections).await?.clone();
    let postgres = postgres_at(text("postgres"), connections).await?;
    let started = Instant::now();
    let commands = async { pipeline.query_async::<redis::Value>(&mut redis).await.map_err(Into::into) };
    std::hint::black_box(tokio::try_join!(commands, execute_all(postgres, &statements))?);
    Ok(started.elapsed())
}

fn pipeline(commands: &Value) -> Result<Pipeline> {
    let mut pipeline = redis::pipe();
    for command in commands.as_array().into_iter().flatten() {
        let parts = command.as_array().into_iter().flatten().filter_map(Value::as_str);
        let parts = parts.map(|part| STANDARD.decode(part)).collect::<std::result::Result<Vec<_>, _>>()?;
        let (name, arguments) = parts.split_first().ok_or("a command has a name")?;
        pipeline.cmd(std::str::from_utf8(name)?).arg(arguments);
    }
    Ok(pipeline)
}

async fn redis_at<'a>(url: &str, connections: &'a mut Connections) -> Result<&'a mut MultiplexedConnection> {
    if !connections.redis.contains_key(url) {
        // As in the functions, which have timeouts of their own.
        let config = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
        let client = redis::Client::open(url)?;
        let connection = client.get_multiplexed_async_connection_with_config(&config).await?;
        connections.redis.insert(url.to_owned(), connection);
    }
    Ok(connections.redis.get_mut(url).ok_or("not connected")?)
}

/// Sends one PING on a blocking socket, to measure the server and the kernel alone.
fn socket_ping(url: &str, connections: &mut Connections) -> Result<Duration> {
    if !connections.sockets.contains_key(url) {
        let (login, host) =
            url.trim_start_matches("redis://").split_once('@').ok_or("a URL with a password")?;
        let (user, password) = login.split_once(':').unwrap_or(("", login));
        let mut socket = TcpStream::connect(host.split('/').next().unwrap_or_default())?;
        socket.set_nodelay(true)?;
        write!(socket, "AUTH {user} {password}\r\n")?;
        socket.read_exact(&mut [0; 5])?;
        connections.sockets.insert(url.to_owned(), socket);
    }
    let socket = connections.sockets.get_mut(url).ok_or("not connected")?;
    let started = Instant::now();
    socket.write_all(b"PING\r\n")?;
    socket.read_exact(&mut [0; 7])?;
    Ok(started.elapsed())
}

fn hash(cost: u32) -> Result<Duration> {
    let started = Instant::now();
    std::hint::black_box(bcrypt::hash("correct horse battery staple", cost)?);
    Ok(started.elapsed())
}

/// A statement with the values and the types of its parameters.
type Statement<'a> = (&'a str, Vec<(BinaryValue, Type)>);

/// Executes SQL statements one after another. Each has the types of its parameters, so it takes one round trip; the
/// values are in the binary format of Postgres, in base64.
async fn query(url: &str, sql: &Value, connections: &mut Connections) -> Result<Duration> {
    let statements = statements(sql)?;
    let client = postgres_at(url, connections).await?;
    let started = Instant::now();
    execute_all(client, &statements).await?;
    Ok(started.elapsed())
}

async fn execute_all(client: &Client, statements: &[Statement<'_>]) -> Result<()> {
    for (sql, parameters) in statements {
        let parameters: Vec<_> =
            parameters.iter().map(|(value, of)| (value as &(dyn ToSql + Sync), of.clone())).collect();
        std::hint::black_box(client.query_typed(sql, &parameters).await?);
    }
    Ok(())
}

async fn postgres_at<'a>(url: &str, connections: &'a mut Connections) -> Result<&'a Client> {
    if !connections.postgres.contains_key(url) {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
        tokio::spawn(connection);
        connections.postgres.insert(url.to_owned(), client);
    }
    Ok(connections.postgres.get(url).ok_or("not connected")?)
}

fn statements(statements: &Value) -> Result<Vec<Statement<'_>>> {
    let statements = statements.as_array().into_iter().flatten().map(|statement| {
        let parameters = statement["parameters"].as_array().into_iter().flatten();
        let parameters = parameters.map(parameter).collect::<Result<_>>()?;
        Ok((statement["sql"].as_str().unwrap_or_default(), parameters))
    });
    statements.collect()
}

fn parameter(parameter: &Value) -> Result<(BinaryValue, Type)> {
    let oid = parameter["oid"].as_u64().unwrap_or_default().try_into()?;
    let of = Type::from_oid(oid).ok_or("a type that is not built in")?;
    let value = parameter["value"].as_str().map(|text| STANDARD.decode(text)).transpose()?;
    Ok((BinaryValue(value), of))
}

/// The value of a parameter in the binary format of Postgres.
#[derive(Debug)]
struct BinaryValue(Option<Vec<u8>>);

impl ToSql for BinaryValue {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull> {
        Ok(self.0.as_ref().map_or(IsNull::Yes, |bytes| {
            out.extend_from_slice(bytes);
            IsNull::No
        }))
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}
