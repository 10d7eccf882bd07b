//! A stack: the servers that the functions need, and the `env` file with the variables that lead to them.

use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use futures_util::future::try_join_all;
use signing_keys::generate;
use tokio_postgres::NoTls;

pub use crate::folder::Persistence;
use crate::{
    Result,
    cache_users::{self, ADMIN_VARIABLE},
    env_file,
    environment::{role_of, under_role},
    error::Context,
    folder::Folder,
    random, seed,
    servers::{self, Postgres, Server, ServerContext},
    settings,
    tools::Tools,
    user::User,
    versions,
    workspace::{self, MAINTENANCE},
};

/// The table for idempotent writes.
const TABLE: &str = "bookshelf-idempotency";

/// A running stack. Dropping it kills its servers; `stop` does so gently.
#[derive(Debug)]
pub struct Stack {
    env: BTreeMap<String, String>,
    servers: Vec<Server>,
    /// The functions' roles in a database of ours.
    roles: BTreeSet<String>,
    /// Whether the data is that of an earlier run.
    is_restored: bool,
    // After the servers: they must be gone before their folder goes.
    folder: Folder,
}

impl Stack {
    /// Brings up the servers of a stack in `target/<name>`, or in `target/<name>-2` and so on if that one is in use.
    /// The database is empty, unless an earlier stack has left it: see [`Stack::seed`].
    ///
    /// A server whose variable is set in the environment is taken from there and not started.
    pub async fn start(name: &str, persistence: Persistence) -> Result<Self> {
        let started = Instant::now();
        let user = User::for_servers()?;
        let folder = Folder::claim(&workspace::target()?, name, user, persistence)?;
        let saved = fs::read_to_string(folder.state()).map(|text| env_file::parse(&text)).unwrap_or_default();
        let context = ServerContext { folder: &folder, user };
        let servers = Box::pin(start_servers(&context, &saved)).await.map_err(|error| {
            if saved.is_empty() {
                error
            } else {
                error.hint("`cargo xtask up --fresh` begins with empty stores")
            }
        })?;
        let env = variables(&servers, &saved)?;
        check_versions(&env).await?;
        let owns_postgres = servers.iter().any(|server| server.name() == "postgres");
        let is_restored = owns_postgres && !saved.is_empty();
        let stack = Self { env, servers, roles: BTreeSet::new(), is_restored, folder };
        stack.write_env().context("write the env file")?;
        println!("Servers ready in {:.1} s: {}", started.elapsed().as_secs_f32(), stack.env_file().display());
        Ok(stack)
    }

    /// Brings the database, a fresh one or that of an earlier run, to the state that the API begins with. Needs the
    /// functions' binaries.
    pub async fn seed(&mut self) -> Result<()> {
        let applied = seed::migrate(&self.env).await?;
        if !applied.is_empty() {
            println!("Migrations applied: {}", applied.len());
        }
        if settings::var("AWS_ENDPOINT_URL_DYNAMODB").is_some() {
            servers::create_table(self.var("AWS_ENDPOINT_URL_DYNAMODB"), self.var("IDEMPOTENCY_TABLE"))
                .await?;
        }
        // part of auth
        if !self.is_restored {
            crate::administrator::create(&self.env).await?;
        }
        // end of part
        if self.server("postgres").is_some() {
            self.roles = roles(self.var("DATABASE_URL")).await?;
            // From here on the next stack can go on with what there is.
            self.write_state().context("write down the state of the stack")?;
        }
        Ok(())
    }

    /// The variables that a function reads, with their values here.
    #[must_use]
    pub fn env(&self) -> &BTreeMap<String, String> {
        &self.env
    }

    /// The same for one function: in a database of ours under its role, which one of the user's own may lack, and in a
    /// cache of ours as its user. A function without a role has no database, and one without a user no cache.
    pub fn env_of(&self, function: &str) -> Result<BTreeMap<String, String>> {
        let mut env = self.env.clone();
        cache_users::restrict(function, &mut env)?;
        if self.roles.is_empty() || function == MAINTENANCE {
            return Ok(env);
        }
        if self.roles.contains(&role_of(function)) {
            env.insert("DATABASE_URL".to_owned(), under_role(function, self.var("DATABASE_URL")));
        } else {
            env.remove("DATABASE_URL");
        }
        Ok(env)
    }

    /// One variable, or nothing if there is no such variable.
    #[must_use]
    pub fn var(&self, name: &str) -> &str {
        self.env.get(name).map_or("", String::as_str)
    }

    /// The URL of Redis for whoever looks inside; that of the functions if the server is the user's own.
    #[must_use]
    pub fn redis_admin_url(&self) -> &str {
        self.env.get(ADMIN_VARIABLE).map_or_else(|| self.var("REDIS_URL"), String::as_str)
    }

    /// Whether the data is that of an earlier run.
    #[must_use]
    pub fn is_restored(&self) -> bool {
        self.is_restored
    }

    /// The folder with the `env` file and the logs.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.folder.path()
    }

    /// `postgres`, `redis` or `dynamodb`; `None` if that one is the user's own.
    pub fn server(&mut self, name: &str) -> Option<&mut Server> {
        self.servers.iter_mut().find(|server| server.name() == name)
    }

    /// Ends the servers, and removes the folder if it is temporary.
    pub async fn stop(mut self) {
        let _ = fs::remove_file(self.env_file());
        for server in &mut self.servers {
            server.stop().await;
        }
    }

    /// Starts servers again that end by themselves. Returns only if one cannot be started again; may be dropped at any
    /// time.
    pub async fn supervise(&mut self) -> Result<()> {
        try_join_all(self.servers.iter_mut().map(supervise)).await?;
        // There is no server of ours, so nothing can fail.
        std::future::pending().await
    }

    /// The file with the variables, `KEY=value` a line, as a POSIX shell reads it.
    #[must_use]
    pub fn env_file(&self) -> PathBuf {
        self.dir().join("env")
    }

    fn write_env(&self) -> std::io::Result<()> {
        env_file::write_private(&self.env_file(), &env_file::render(&self.env))
    }

    fn write_state(&self) -> std::io::Result<()> {
        env_file::write_private(&self.folder.state(), &env_file::render(&self.env))
    }
}

async fn supervise(server: &mut Server) -> Result<Infallible> {
    loop {
        let how = server.ended().await;
        println!("{} ended ({how}); starting it again …", server.name());
        server.start_again().await?;
        println!("{} is back", server.name());
    }
}

/// Starts those servers that the user does not have, all at once.
async fn start_servers(context: &ServerContext<'_>, saved: &BTreeMap<String, String>) -> Result<Vec<Server>> {
    let (postgres, redis, dynamodb) =
        tokio::try_join!(start_postgres(context, saved), start_redis(context), start_dynamodb(context))?;
    Ok([postgres, redis, dynamodb].into_iter().flatten().collect())
}

async fn start_postgres(
    context: &ServerContext<'_>,
    saved: &BTreeMap<String, String>,
) -> Result<Option<Server>> {
    if is_given("DATABASE_URL") {
        return Ok(None);
    }
    let initdb = context.reachable(Tools::new()?.initdb().await?)?;
    let cluster = saved.get("DATABASE_URL").map_or(Postgres::New, |url| Postgres::Existing { url });
    servers::postgres(&initdb, context, cluster).await.map(Some)
}

async fn start_redis(context: &ServerContext<'_>) -> Result<Option<Server>> {
    if is_given("REDIS_URL") {
        return Ok(None);
    }
    let valkey = context.reachable(Tools::new()?.valkey().await?)?;
    let mut server = servers::redis(&valkey, context)?;
    server.start().await?;
    Ok(Some(server))
}

async fn start_dynamodb(context: &ServerContext<'_>) -> Result<Option<Server>> {
    if is_given("AWS_ENDPOINT_URL_DYNAMODB") {
        return Ok(None);
    }
    let python = Tools::new()?.dynamodb().await?;
    let table = settings::var("IDEMPOTENCY_TABLE").unwrap_or_else(|| TABLE.to_owned());
    let mut server = servers::dynamodb(&python, context, &table)?;
    server.start().await?;
    Ok(Some(server))
}

async fn check_versions(env: &BTreeMap<String, String>) -> Result<()> {
    versions::check_postgres(&env["DATABASE_URL"]).await?;
    versions::check_redis(&env["REDIS_URL"]).await
}

fn is_given(variable: &str) -> bool {
    let given = settings::var(variable).is_some();
    if given {
        println!("Using {variable} from the environment");
    }
    given
}

/// The functions' roles, which the migrations have made.
async fn roles(database_url: &str) -> Result<BTreeSet<String>> {
    const SQL: &str = r"select rolname::text from pg_roles where rolname like 'bookshelf\_%'";
    let connected = tokio_postgres::connect(database_url, NoTls).await;
    let (client, connection) = connected.context("connect to the database")?;
    tokio::spawn(connection);
    let rows = client.query(SQL, &[]).await.context("list the functions' roles")?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// A variable that the person has set wins over one that an earlier stack has saved, and that over a new one.
fn variables(servers: &[Server], saved: &BTreeMap<String, String>) -> Result<BTreeMap<String, String>> {
    let url = |name: &str| {
        servers.iter().find(|server| server.name() == name).map(|server| server.url().to_owned())
    };
    // Only a server of ours has one: a person's own is never administered.
    let admin_url = servers.iter().find_map(Server::admin_url);
    let urls = [
        ("DATABASE_URL", url("postgres")),
        ("REDIS_URL", url("redis")),
        ("AWS_ENDPOINT_URL_DYNAMODB", url("dynamodb")),
    ];
    let keys = generate();
    let defaults = [
        ("AWS_REGION", "eu-central-1".to_owned()),
        ("AWS_ACCESS_KEY_ID", "local".into()),
        ("AWS_SECRET_ACCESS_KEY", "local".into()),
        ("IDEMPOTENCY_TABLE", TABLE.into()),
        ("JWT_PRIVATE_KEY", keys.private_pem.trim_end().replace('\n', "\\n")),
        ("JWT_PUBLIC_KEYS", keys.public_jwks),
        ("JWT_ISSUER", "http://localhost".into()),
        ("JWT_AUDIENCE", "bookshelf".into()),
        ("PASSWORD_PEPPER", random::key()?),
        // part of rl-demo, bf-demo
        ("PLAYGROUND", "true".into()),
        // end of part
        // part of auth
        ("ADMIN_USERNAME", "admin".into()),
        ("ADMIN_PASSWORD", crate::administrator::new_password()?),
        // end of part
    ];
    let mut env = BTreeMap::new();
    env.extend(admin_url.map(|url| (ADMIN_VARIABLE.to_owned(), url.to_owned())));
    for (name, ours) in urls {
        env.extend(ours.or_else(|| settings::var(name)).map(|value| (name.to_owned(), value)));
    }
    // A person's real credentials are no business of a server of ours.
    let own_dynamodb = settings::var("AWS_ENDPOINT_URL_DYNAMODB").is_some();
    for (name, default) in defaults {
        let set = settings::var(name).filter(|_| own_dynamodb || !name.starts_with("AWS_"));
        env.insert(name.to_owned(), set.or_else(|| saved.get(name).cloned()).unwrap_or(default));
    }
    Ok(env)
}
