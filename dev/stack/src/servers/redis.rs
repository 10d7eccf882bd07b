//! Valkey or Redis: in memory only, with a password, refusing writes rather than evicting when full.

use std::{fs, net::Ipv4Addr};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{server::Server, server_context::ServerContext};
use crate::{Result, error::Context, ports, random, tools::Tool};

/// A server on a free port.
pub(crate) fn prepare(valkey: &Tool, context: &ServerContext<'_>) -> Result<Server> {
    let (port, password) = (ports::free()?, random::token()?);
    // In a file that only the server can read: everybody on the machine sees arguments.
    let file = context.data("redis")?.join("redis.conf");
    fs::write(&file, settings(port, &password)).context(format!("write {}", file.display()))?;
    context.make_readable(&file)?;
    let url = format!("redis://:{password}@127.0.0.1:{port}/0");
    Ok(Server::new("redis", url, context.spec("redis", valkey).path(&file), move || {
        let password = password.clone();
        async move { answers(port, &password).await }
    }))
}

fn settings(port: u16, password: &str) -> String {
    format!(
        "bind 127.0.0.1\nport {port}\nrequirepass {password}\nsave \"\"\nappendonly no\n\
         maxmemory 256mb\nmaxmemory-policy noeviction\n"
    )
}

/// Whether the server takes the password and answers a PING.
async fn answers(port: u16, password: &str) -> bool {
    const EXPECTED: &[u8] = b"+OK\r\n+PONG\r\n";
    let asking = async {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
        stream.write_all(format!("AUTH {password}\r\nPING\r\n").as_bytes()).await?;
        let mut answer = [0; EXPECTED.len()];
        stream.read_exact(&mut answer).await?;
        std::io::Result::Ok(answer == EXPECTED)
    };
    asking.await.unwrap_or(false)
}
