//! The stores of the fixture as they are on AWS: half a millisecond away, behind TLS, and slow to sign in to.
//!
//! The program in `dev/bench/latency-proxy` stands in front of both. It is built for release and belongs to no
//! function, so what it needs of the processor is not taken from their share.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use serde_json::json;
use stack::{Context as _, Error, Result};

use crate::driver::Program;

/// The time of a round trip to a store in another Availability Zone of the same region.
pub(super) const ROUND_TRIP: Duration = Duration::from_micros(500);

/// The time that a sign-in with an IAM token takes beside its round trips.
pub(super) const SIGN_IN: Duration = Duration::from_millis(80);

/// The running proxy. Dropping it ends the process, and every connection through it.
pub(super) struct RemoteStores {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    /// The certificate of the authority to trust, in PEM.
    roots: String,
    /// A file with it.
    roots_file: PathBuf,
    /// The addresses of the stores, and the ports where the proxy stands for them.
    ports: Vec<(String, String)>,
}

impl RemoteStores {
    /// Starts the proxy in front of the stores that `urls` lead to.
    pub(super) fn start(program: &Path, dir: &Path, urls: [&str; 2]) -> Result<Self> {
        let mut command = Command::new(program);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().context("start dev/bench/latency-proxy")?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let (input, output) = pipes.ok_or_else(|| Error::new("dev/bench/latency-proxy has no pipes"))?;
        let roots_file = dir.join("authority.pem");
        let output = BufReader::new(output);
        let mut stores = Self { child, input, output, roots: String::new(), roots_file, ports: Vec::new() };
        stores.roots = serde_json::from_str(&stores.line()?).context("read a certificate")?;
        fs::write(&stores.roots_file, &stores.roots).context("write a certificate")?;
        for url in urls {
            let address = address(url).to_owned();
            let port = stores.listen(&address, url.starts_with("postgres"))?;
            stores.ports.push((address, format!("localhost:{port}")));
        }
        Ok(stores)
    }

    /// A function of this repository that reaches its stores through the proxy.
    pub(super) fn function(&self, program: Program) -> Program {
        let [database, redis] = self.urls(&program);
        program
            .with("DATABASE_URL", &format!("{database}?sslmode=require"))
            .with("REDIS_URL", &redis)
            .with("TLS_ROOTS", &self.roots.trim_end().replace('\n', "\\n"))
    }

    /// The peer, which reaches its stores through the proxy. It too connects when it starts, and keeps the connections.
    pub(super) fn peer(&self, program: Program) -> Program {
        let [database, redis] = self.urls(&program);
        let roots = self.roots_file.to_string_lossy();
        program
            .with("DATABASE_URL", &database)
            .with("PGSSLMODE", "verify-full")
            .with("PGSSLROOTCERT", &roots)
            .with("REDIS_URL", &format!("{redis}?ssl_ca_certs={roots}"))
            .with("CONNECT_AT_START", "1")
    }

    fn urls(&self, program: &Program) -> [String; 2] {
        ["DATABASE_URL", "REDIS_URL"].map(|name| {
            let url = program.variable(name).replacen("redis://", "rediss://", 1);
            let found = self.ports.iter().find(|(address, _)| url.contains(address.as_str()));
            found.map_or(url.clone(), |(address, proxy)| url.replace(address.as_str(), proxy))
        })
    }

    fn listen(&mut self, address: &str, is_postgres: bool) -> Result<u16> {
        let store = json!({
            "address": address,
            "postgres": is_postgres,
            "round_trip_us": u64::try_from(ROUND_TRIP.as_micros()).unwrap_or(u64::MAX),
            "sign_in_ms": u64::try_from(SIGN_IN.as_millis()).unwrap_or(u64::MAX),
        });
        writeln!(self.input, "{store}").context("describe a store to dev/bench/latency-proxy")?;
        let line = self.line()?;
        line.parse().map_err(|_| Error::new(format!("dev/bench/latency-proxy failed: {line}")))
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        self.output.read_line(&mut line).context("read from dev/bench/latency-proxy")?;
        Ok(line.trim().to_owned())
    }
}

impl Drop for RemoteStores {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The host and the port of a URL.
fn address(url: &str) -> &str {
    let rest = url.rsplit_once('@').map_or(url, |(_, rest)| rest);
    rest.split(['/', '?']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_of_a_store_is_between_its_password_and_its_database() {
        assert_eq!(address("redis://:p@127.0.0.1:6379/0"), "127.0.0.1:6379");
        assert_eq!(address("postgres://u:p@127.0.0.1:5432/d?sslmode=require"), "127.0.0.1:5432");
    }
}
