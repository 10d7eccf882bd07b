//! Valkey or Redis, as strict as a serverless cache of AWS: a cluster, though of one node, whose users have the rights
//! that `template.yaml` gives the functions. In memory only; refuses writes rather than evicting when full.

use std::{fs, net::Ipv4Addr, path::Path};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{server::Server, server_context::ServerContext};
use crate::{
    Result,
    cache_users::{self, CacheUser, USER},
    error::Context,
    ports, random,
    tools::Tool,
};

/// The file in which the server keeps the slots of the cluster.
const NODES: &str = "nodes.conf";

/// What clients connect with.
#[derive(Clone)]
struct Access {
    port: u16,
    /// The password of the functions' users.
    password: String,
    /// The password of the user who may do everything.
    admin_password: String,
}

/// A server on a free port.
pub(crate) fn prepare(valkey: &Tool, context: &ServerContext<'_>) -> Result<Server> {
    let access =
        Access { port: ports::free()?, password: random::token()?, admin_password: random::token()? };
    let data = context.data("redis")?;
    // An earlier server may have left it, with another port.
    let _ = fs::remove_file(data.join(NODES));
    // In a file that only the server can read: everybody on the machine sees arguments.
    let file = data.join("redis.conf");
    let settings = settings(&access, ports::free()?, &data, &cache_users::cache_users()?);
    fs::write(&file, settings).context(format!("write {}", file.display()))?;
    context.make_readable(&file)?;
    let Access { port, password, admin_password } = &access;
    let url = format!("redis://{USER}:{password}@127.0.0.1:{port}/0");
    let admin_url = format!("redis://:{admin_password}@127.0.0.1:{port}/0");
    let server = Server::new("redis", url, context.spec("redis", valkey).path(&file), move || {
        let access = access.clone();
        async move { answers(&access).await }
    });
    Ok(server.with_admin_url(admin_url))
}

fn settings(access: &Access, bus_port: u16, data: &Path, users: &[CacheUser]) -> String {
    let Access { port, password, admin_password } = access;
    let users = users.iter().map(|user| format!("user {} >{password} {}\n", user.name, user.rights));
    format!(
        "bind 127.0.0.1\nport {port}\nrequirepass {admin_password}\nsave \"\"\nappendonly no\n\
         maxmemory 256mb\nmaxmemory-policy noeviction\ndir \"{}\"\n\
         cluster-enabled yes\ncluster-config-file {NODES}\ncluster-port {bus_port}\n{}",
        data.display(),
        users.collect::<String>(),
    )
}

/// Whether the cluster works and takes the password of the functions' users. Gives the server all slots if it has none.
async fn answers(Access { port, password, admin_password }: &Access) -> bool {
    // The second command fails if the slots are there, and all of them while the server starts.
    let commands = format!(
        "AUTH {admin_password}\r\nCLUSTER ADDSLOTSRANGE 0 16383\r\nCLUSTER INFO\r\n\
         AUTH {USER} {password}\r\nPING\r\nQUIT\r\n"
    );
    let asking = async {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, *port)).await?;
        stream.write_all(commands.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        std::io::Result::Ok(
            answer.contains("cluster_state:ok") && answer.ends_with("+OK\r\n+PONG\r\n+OK\r\n"),
        )
    };
    asking.await.unwrap_or(false)
}
