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
use redis::AsyncConnectionConfig;
use redis::aio::MultiplexedConnection;
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
    let connection = redis_at(url, connections).await?;
    let mut pipeline = redis::pipe();
    for command in commands.as_array().into_iter().flatten() {
        let parts = command.as_array().into_iter().flatten().filter_map(Value::as_str);
        let parts = parts.map(|part| STANDARD.decode(part)).collect::<std::result::Result<Vec<_>, _>>()?;
        let (name, arguments) = parts.split_first().ok_or("a command has a name")?;
        pipeline.cmd(std::str::from_utf8(name)?).arg(arguments);
    }
    let started = Instant::now();
    std::hint::black_box(pipeline.query_async::<redis::Value>(connection).await?);
    Ok(started.elapsed())
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
        let (user, host) =
            url.trim_start_matches("redis://").split_once('@').ok_or("a URL with a password")?;
        let mut socket = TcpStream::connect(host.split('/').next().unwrap_or_default())?;
        socket.set_nodelay(true)?;
        write!(socket, "AUTH {}\r\n", user.trim_start_matches(':'))?;
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

/// Executes SQL statements one after another. Each has the types of its parameters, so it takes one round trip; the
/// values are in the binary format of Postgres, in base64.
async fn query(url: &str, statements: &Value, connections: &mut Connections) -> Result<Duration> {
    if !connections.postgres.contains_key(url) {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
        tokio::spawn(connection);
        connections.postgres.insert(url.to_owned(), client);
    }
    let client = connections.postgres.get(url).ok_or("not connected")?;
    let mut duration = Duration::ZERO;
    for statement in statements.as_array().into_iter().flatten() {
        let sql = statement["sql"].as_str().unwrap_or_default();
        let parameters = statement["parameters"].as_array().into_iter().flatten();
        let parameters = parameters.map(parameter).collect::<Result<Vec<_>>>()?;
        let parameters: Vec<_> =
            parameters.iter().map(|(value, of)| (value as &(dyn ToSql + Sync), of.clone())).collect();
        let started = Instant::now();
        std::hint::black_box(client.query_typed(sql, &parameters).await?);
        duration += started.elapsed();
    }
    Ok(duration)
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
