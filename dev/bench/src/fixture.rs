//! The fixture of a benchmark run: one stack, databases of several sizes, and the programs of all sides.

use std::{
    collections::BTreeMap,
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    path::PathBuf,
    process::Command,
    sync::{Mutex, PoisonError},
};

use testkit::{connect, template_database, with_database};

use super::{bare::Bare, driver::Program, peer::Peer, rows};
use stack::{
    Context as _, Error, Result, release, settings,
    stack::{Lifetime, Stack},
    workspace,
};

/// How many books the scenarios have that are not about size.
pub(super) const BOOKS: u32 = 10_000;

/// Quotas that let everything pass: each request is counted all the same.
const OPEN: [(&str, &str); 4] = [
    ("RATE_LIMIT_DEFAULT", "10000/1"),
    ("RATE_LIMIT_LOGIN", "10000/1"),
    ("RATE_LIMIT_PING", "10000/1"),
    ("RATE_LIMIT_REGISTER", "10000/1"),
];

/// Everything that is needed for a contest.
pub(super) struct Fixture {
    pub(super) stack: Stack,
    pub(super) bare: Bare,
    /// `target/bench`.
    pub(super) dir: PathBuf,
    peer: Peer,
    floor: PathBuf,
    redis: Mutex<TcpStream>,
}

impl Fixture {
    /// Builds all sides, unless they are `built`, brings up a stack, and fills a database with [`BOOKS`] books for each.
    pub(super) async fn prepare(built: bool) -> Result<Self> {
        if ["DATABASE_URL", "REDIS_URL"].iter().any(|name| settings::var(name).is_some()) {
            return Err(Error::new("the contest empties its stores: unset DATABASE_URL and REDIS_URL"));
        }
        let dir = workspace::target()?.join("bench");
        fs::create_dir_all(dir.join("logs")).context(format!("create {}", dir.display()))?;
        if !built {
            release::build(&workspace::functions()?).await?;
            release::build(&["floor", "bare"].map(str::to_owned)).await?;
        }
        let peer = Peer::prepare(&dir).await?;
        let stack = Stack::start("bench-stack", Lifetime::Temporary).await?;
        let programs = workspace::target()?.join("lambda");
        let fixture = Self {
            bare: Bare::start(&programs.join("bare/bootstrap"))?,
            floor: programs.join("floor/bootstrap"),
            redis: Mutex::new(connect_redis(stack.var("REDIS_URL"))?),
            peer,
            stack,
            dir,
        };
        fixture.fill(BOOKS).await?;
        Ok(fixture)
    }

    /// Makes databases with so many books, for us and for the peer.
    pub(super) async fn fill(&self, books: u32) -> Result<()> {
        println!("{books} books for each side …");
        let url = self.stack.var("DATABASE_URL");
        let administration = connect(url).await;
        let ours = template_database(&administration, url).await;
        for (name, template) in
            [(format!("bench_{books}"), ours.as_str()), (format!("peer_{books}"), "template1")]
        {
            let sql = format!("create database {name} template {template}");
            administration.batch_execute(&sql).await.context(format!("create the database {name}"))?;
        }
        // The stack's limit for statements is part of our design. The peer has none, and would answer 500 at it.
        let sql = format!("alter role current_user in database peer_{books} set statement_timeout = 0");
        administration.batch_execute(&sql).await.context("lift the peer's limit")?;
        self.peer.create_tables(&self.peer_variables(books)).await?;
        for url in [self.postgres(books), self.peer_postgres(books)] {
            rows::fill(&url, books).await?;
        }
        Ok(())
    }

    /// Our database of so many books.
    pub(super) fn postgres(&self, books: u32) -> String {
        with_database(self.stack.var("DATABASE_URL"), &format!("bench_{books}"))
    }

    pub(super) fn peer_postgres(&self, books: u32) -> String {
        with_database(self.stack.var("DATABASE_URL"), &format!("peer_{books}"))
    }

    pub(super) fn redis(&self) -> &str {
        self.stack.var("REDIS_URL")
    }

    /// Forgets everything in Redis; scripts are kept.
    pub(super) fn flush(&self) -> Result<()> {
        let mut redis = self.redis.lock().unwrap_or_else(PoisonError::into_inner);
        let flushed = redis.write_all(b"FLUSHDB\r\n").and_then(|()| redis.read_exact(&mut [0; 5]));
        flushed.context("empty Redis")
    }

    /// The floor.
    pub(super) fn floor(&self) -> Program {
        self.program("floor", vec![self.floor.clone()], self.dir.clone(), BTreeMap::new())
    }

    /// One of our functions on the database of so many books, as it would be deployed.
    pub(super) fn function(&self, name: &str, books: u32) -> Result<Program> {
        let bootstrap = workspace::target()?.join("lambda").join(name).join("bootstrap");
        let mut variables = self.stack.env().clone();
        variables.extend(OPEN.map(|(name, value)| (name.to_owned(), value.to_owned())));
        variables.insert("DATABASE_URL".into(), self.postgres(books));
        variables.insert("REDIS_KEY_PREFIX".into(), format!("bench:{books}:"));
        Ok(self.program(name, vec![bootstrap], self.dir.clone(), variables))
    }

    /// The peer, on its own database of the same books.
    pub(super) fn peer(&self, books: u32) -> Program {
        self.program("peer", self.peer.command(), self.peer.dir(), self.peer_variables(books))
    }

    /// Bytes of the peer and of its zip.
    pub(super) fn peer_weight(&self) -> Option<(usize, usize)> {
        self.peer.weight()
    }

    fn peer_variables(&self, books: u32) -> BTreeMap<String, String> {
        let variables = [
            ("DATABASE_URL", self.peer_postgres(books)),
            ("REDIS_URL", self.redis().to_owned()),
            ("REDIS_KEY_PREFIX", format!("peer:{books}:")),
            ("JWT_SECRET", self.stack.var("PASSWORD_PEPPER").to_owned()),
            ("_HANDLER", "main.handler".into()),
        ];
        let open = OPEN.map(|(name, value)| (name, value.to_owned()));
        variables.into_iter().chain(open).map(|(name, value)| (name.to_owned(), value)).collect()
    }

    fn program(
        &self,
        name: &str,
        command: Vec<PathBuf>,
        dir: PathBuf,
        variables: BTreeMap<String, String>,
    ) -> Program {
        let log = self.dir.join("logs").join(format!("{name}.log"));
        Program { name: name.to_owned(), command, dir, variables: variables.into_iter().collect(), log }
    }
}

impl Program {
    /// The same with a variable set.
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.retain(|(other, _)| other != name);
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// A connection to Redis that has shown its password.
fn connect_redis(url: &str) -> Result<TcpStream> {
    let (user, host) = url.trim_start_matches("redis://").split_once('@').unwrap_or_default();
    let mut redis = TcpStream::connect(host.split('/').next().unwrap_or_default()).context("reach Redis")?;
    let greeting = write!(redis, "AUTH {}\r\n", user.trim_start_matches(':'));
    greeting.and_then(|()| redis.read_exact(&mut [0; 5])).context("greet Redis")?;
    Ok(redis)
}

/// What a command prints, on one line; `None` if there is no such command.
pub(super) fn said(program: &str, args: &[&str]) -> Option<String> {
    let output = Command::new(program).args(args).current_dir(workspace::root().ok()?).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}
