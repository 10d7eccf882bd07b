//! What the stores and the password hash cost by themselves, for `cargo xtask bench`: the crates that the functions
//! use, in the profile that they are built in, and nothing around them.
//!
//! One JSON object a line on the standard input, one number of nanoseconds, or what went wrong, a line on the
//! standard output.

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

/// What is kept open between two orders, by where it leads.
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
        let order = serde_json::from_str(&line?)?;
        match carry_out(&order, &mut connections).await {
            Ok(took) => writeln!(output, "{}", took.as_nanos())?,
            Err(error) => writeln!(output, "{}", error.to_string().replace('\n', " "))?,
        }
        output.flush()?;
    }
    Ok(())
}

async fn carry_out(order: &Value, connections: &mut Connections) -> Result<Duration> {
    let text = |name: &str| order[name].as_str().unwrap_or_default();
    match text("do") {
        "ping" => ping(text("url"), connections).await,
        "commands" => commands(text("url"), &order["commands"], connections).await,
        "socket_ping" => socket_ping(text("url"), connections),
        "bcrypt" => hash(order["cost"].as_u64().unwrap_or(12).try_into()?),
        "query" => query(text("url"), &order["statements"], connections).await,
        other => Err(format!("`{other}` is nothing that can be done").into()),
    }
}

/// One PING through the crate that the functions use.
async fn ping(url: &str, connections: &mut Connections) -> Result<Duration> {
    let connection = redis_at(url, connections).await?;
    let started = Instant::now();
    redis::cmd("PING").query_async::<()>(connection).await?;
    Ok(started.elapsed())
}

/// Commands in one trip, with parts as they went over the wire.
async fn commands(url: &str, commands: &Value, connections: &mut Connections) -> Result<Duration> {
    let connection = redis_at(url, connections).await?;
    let mut together = redis::pipe();
    for command in commands.as_array().into_iter().flatten() {
        let parts = command.as_array().into_iter().flatten().filter_map(Value::as_str);
        let parts = parts.map(|part| STANDARD.decode(part)).collect::<std::result::Result<Vec<_>, _>>()?;
        let (name, arguments) = parts.split_first().ok_or("a command has a name")?;
        together.cmd(std::str::from_utf8(name)?).arg(arguments);
    }
    let started = Instant::now();
    std::hint::black_box(together.query_async::<redis::Value>(connection).await?);
    Ok(started.elapsed())
}

async fn redis_at<'a>(url: &str, connections: &'a mut Connections) -> Result<&'a mut MultiplexedConnection> {
    if !connections.redis.contains_key(url) {
        // As in the functions, which time their trips themselves.
        let config = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
        let client = redis::Client::open(url)?;
        let connection = client.get_multiplexed_async_connection_with_config(&config).await?;
        connections.redis.insert(url.to_owned(), connection);
    }
    Ok(connections.redis.get_mut(url).ok_or("not connected")?)
}

/// One PING on a blocking socket: what server and kernel take of it.
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

/// Statements one after another, each typed and so in one round trip, with parameters as they went over the wire.
async fn query(url: &str, statements: &Value, connections: &mut Connections) -> Result<Duration> {
    if !connections.postgres.contains_key(url) {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
        tokio::spawn(connection);
        connections.postgres.insert(url.to_owned(), client);
    }
    let client = connections.postgres.get(url).ok_or("not connected")?;
    let mut took = Duration::ZERO;
    for statement in statements.as_array().into_iter().flatten() {
        let sql = statement["sql"].as_str().unwrap_or_default();
        let parameters = statement["parameters"].as_array().into_iter().flatten();
        let parameters = parameters.map(parameter).collect::<Result<Vec<_>>>()?;
        let parameters: Vec<_> =
            parameters.iter().map(|(value, of)| (value as &(dyn ToSql + Sync), of.clone())).collect();
        let started = Instant::now();
        std::hint::black_box(client.query_typed(sql, &parameters).await?);
        took += started.elapsed();
    }
    Ok(took)
}

fn parameter(parameter: &Value) -> Result<(OnTheWire, Type)> {
    let oid = parameter["oid"].as_u64().unwrap_or_default().try_into()?;
    let of = Type::from_oid(oid).ok_or("a type that is not built in")?;
    let value = parameter["value"].as_str().map(|text| STANDARD.decode(text)).transpose()?;
    Ok((OnTheWire(value), of))
}

/// A parameter's bytes as some program has sent them.
#[derive(Debug)]
struct OnTheWire(Option<Vec<u8>>);

impl ToSql for OnTheWire {
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
