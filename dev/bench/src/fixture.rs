//! The fixture of a benchmark run: a stack, databases of several sizes, and the programs of all subjects.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use shared::protection::quotas;
use stack::stack::{Persistence, Stack};
use stack::{Context as _, Error, Result, release, settings, workspace};
use testkit::{connect, template_database, with_database};

use crate::dataset;
use crate::driver::Program;
use crate::peer::Peer;
use crate::primitives::Primitives;
use crate::remote_stores::RemoteStores;

/// The number of books in all scenarios that do not vary it.
pub(super) const BOOKS: u32 = 10_000;

/// A quota that is never used up. Requests are counted as usual.
const LARGE_QUOTA: &str = "10000/1";

/// The names of the peer's quotas.
const PEER_QUOTAS: [&str; 2] = ["RATE_LIMIT_LOGIN_SIM", "RATE_LIMIT_PING"];

/// Everything that the scenarios need.
pub(super) struct Fixture {
    pub(super) stack: Stack,
    pub(super) primitives: Primitives,
    /// `target/bench`.
    pub(super) dir: PathBuf,
    peer: Peer,
    floor: PathBuf,
    redis: Mutex<TcpStream>,
}

impl Fixture {
    /// Builds all programs, unless they are `built`, starts a stack, and creates databases with [`BOOKS`] books.
    pub(super) async fn prepare(built: bool) -> Result<Self> {
        if ["DATABASE_URL", "REDIS_URL"].iter().any(|name| settings::var(name).is_some()) {
            return Err(Error::new("the benchmark empties its stores: unset DATABASE_URL and REDIS_URL"));
        }
        let dir = workspace::target()?.join("bench");
        fs::create_dir_all(dir.join("logs")).context(format!("create {}", dir.display()))?;
        if !built {
            release::build(&workspace::functions()?).await?;
            release::build(&["floor", "latency-proxy", "primitives"].map(str::to_owned)).await?;
        }
        let peer = Peer::prepare(&dir).await?;
        let stack = Stack::start("bench-stack", Persistence::Temporary).await?;
        let programs = workspace::target()?.join("lambda");
        let fixture = Self {
            primitives: Primitives::start(&programs.join("primitives/bootstrap"))?,
            floor: programs.join("floor/bootstrap"),
            redis: Mutex::new(connect_redis(stack.redis_admin_url())?),
            peer,
            stack,
            dir,
        };
        fixture.create_databases(BOOKS).await?;
        Ok(fixture)
    }

    /// Creates a database with this many books for the functions, and one for the peer.
    pub(super) async fn create_databases(&self, books: u32) -> Result<()> {
        println!("creating databases of {books} books …");
        let url = self.stack.var("DATABASE_URL");
        let administration = connect(url).await;
        let ours = template_database(&administration, url).await;
        for (name, template) in
            [(format!("bench_{books}"), ours.as_str()), (format!("peer_{books}"), "template1")]
        {
            let sql = format!("create database {name} template {template}");
            administration.batch_execute(&sql).await.context(format!("create the database {name}"))?;
        }
        // The functions handle the timeouts of the stack. The peer has none, holds a transaction while it hashes a
        // password, and would answer 500.
        for timeout in ["statement_timeout", "idle_in_transaction_session_timeout", "lock_timeout"] {
            let sql = format!("alter role current_user in database peer_{books} set {timeout} = 0");
            administration.batch_execute(&sql).await.context("remove a timeout of the peer")?;
        }
        self.peer.create_tables(&self.peer_variables(books)).await?;
        for url in [self.postgres(books), self.peer_postgres(books)] {
            dataset::insert(&url, books).await?;
        }
        Ok(())
    }

    /// The URL of the functions' database with this many books.
    pub(super) fn postgres(&self, books: u32) -> String {
        with_database(self.stack.var("DATABASE_URL"), &format!("bench_{books}"))
    }

    /// The URL of the peer's database with this many books.
    pub(super) fn peer_postgres(&self, books: u32) -> String {
        with_database(self.stack.var("DATABASE_URL"), &format!("peer_{books}"))
    }

    pub(super) fn redis(&self) -> &str {
        self.stack.var("REDIS_URL")
    }

    /// Deletes all keys in Redis. Loaded scripts stay.
    pub(super) fn flush(&self) -> Result<()> {
        let mut redis = self.redis.lock().unwrap_or_else(PoisonError::into_inner);
        let flushed = redis.write_all(b"FLUSHDB\r\n").and_then(|()| redis.read_exact(&mut [0; 5]));
        flushed.context("empty Redis")
    }

    /// The stores as they are on AWS.
    pub(super) fn remote_stores(&self) -> Result<RemoteStores> {
        let program = workspace::target()?.join("lambda/latency-proxy/bootstrap");
        RemoteStores::start(&program, &self.dir, [self.stack.var("DATABASE_URL"), self.redis()])
    }

    /// The number of connections that Postgres holds for the databases with this many books, and Redis for anybody.
    pub(super) async fn connections(&self, books: u32) -> Result<[usize; 2]> {
        const SQL: &str = "select count(*) from pg_stat_activity where datname in ($1, $2)";
        let client = connect(self.stack.var("DATABASE_URL")).await;
        let row = client.query_one(SQL, &[&format!("bench_{books}"), &format!("peer_{books}")]).await;
        let postgres = row.context("count connections")?.get::<_, i64>(0);
        let clients = self.redis_info("clients").context("count connections")?;
        let redis = clients.lines().find_map(|line| line.strip_prefix("connected_clients:")?.parse().ok());
        Ok([usize::try_from(postgres).unwrap_or_default(), redis.unwrap_or_default()])
    }

    fn redis_info(&self, section: &str) -> std::io::Result<String> {
        let mut redis = self.redis.lock().unwrap_or_else(PoisonError::into_inner);
        write!(redis, "INFO {section}\r\n")?;
        let (mut length, mut byte) = (Vec::new(), [0]);
        while !length.ends_with(b"\r\n") {
            redis.read_exact(&mut byte)?;
            length.extend(byte);
        }
        // A bulk string: `$`, its length, and a line end after it.
        let length = String::from_utf8_lossy(&length).trim().trim_start_matches('$').parse::<usize>();
        let mut text = vec![0; length.map_err(std::io::Error::other)? + 2];
        redis.read_exact(&mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    /// The minimal function.
    pub(super) fn floor(&self) -> Program {
        self.program("floor", vec![self.floor.clone()], self.dir.clone(), BTreeMap::new())
    }

    /// Whether this repository has the function. Without the demos, what measures them is left out.
    pub(super) fn has(function: &str) -> Result<bool> {
        Ok(workspace::functions()?.iter().any(|name| name == function))
    }

    /// A function of this repository, as it is deployed, on the database with this many books.
    pub(super) fn function(&self, name: &str, books: u32) -> Result<Program> {
        let bootstrap = workspace::target()?.join("lambda").join(name).join("bootstrap");
        let mut variables = self.stack.env().clone();
        variables.extend(quotas::ALL.iter().map(|quota| (quota.variable(), LARGE_QUOTA.to_owned())));
        variables.insert("DATABASE_URL".into(), self.postgres(books));
        variables.insert("REDIS_KEY_PREFIX".into(), format!("test_bench_{books}:"));
        Ok(self.program(name, vec![bootstrap], self.dir.clone(), variables))
    }

    /// The peer, on its database with this many books.
    pub(super) fn peer(&self, books: u32) -> Program {
        self.program("peer", self.peer.command(), self.peer.dir(), self.peer_variables(books))
    }

    /// The sizes of the peer and of its zip, in bytes.
    pub(super) fn peer_size(&self) -> Option<(usize, usize)> {
        self.peer.size()
    }

    fn peer_variables(&self, books: u32) -> BTreeMap<String, String> {
        let variables = [
            ("DATABASE_URL", self.peer_postgres(books)),
            // The peer uses other commands and keys than the functions may, and several keys in one command, which must
            // lie in one slot of the cluster.
            ("REDIS_URL", self.stack.redis_admin_url().to_owned()),
            ("REDIS_KEY_PREFIX", format!("{{peer:{books}}}:")),
            ("JWT_SECRET", self.stack.var("PASSWORD_PEPPER").to_owned()),
            ("_HANDLER", "main.handler".into()),
        ];
        let quotas = PEER_QUOTAS.map(|name| (name, LARGE_QUOTA.to_owned()));
        variables.into_iter().chain(quotas).map(|(name, value)| (name.to_owned(), value)).collect()
    }

    fn program(
        &self,
        name: &str,
        command: Vec<PathBuf>,
        dir: PathBuf,
        variables: BTreeMap<String, String>,
    ) -> Program {
        let log = self.dir.join("logs").join(format!("{name}.log"));
        let (name, variables) = (name.to_owned(), variables.into_iter().collect());
        Program { name, command, dir, variables, log, share: None }
    }
}

/// An authenticated connection to Redis.
fn connect_redis(url: &str) -> Result<TcpStream> {
    let (login, host) = url.trim_start_matches("redis://").split_once('@').unwrap_or_default();
    let (user, password) = login.split_once(':').unwrap_or(("", login));
    let mut redis = TcpStream::connect(host.split('/').next().unwrap_or_default()).context("reach Redis")?;
    let authenticated = write!(redis, "AUTH {user} {password}\r\n");
    authenticated.and_then(|()| redis.read_exact(&mut [0; 5])).context("authenticate to Redis")?;
    Ok(redis)
}
