//! Everything the functions need on one machine: three servers, keys, an administrator, an `env` file.

use std::{
    collections::BTreeMap,
    fs::{File, Permissions},
    io::Write,
    os::unix::fs::PermissionsExt,
    path::Path,
    time::Instant,
};

use shared::testing::role;

use crate::{
    Result, dotenv,
    error::Context,
    folder::Folder,
    place::Place,
    random, seed,
    server::{self, Server},
    settings, signals,
    tools::Tools,
    user::User,
    workspace,
};

/// A running stack. Dropping it kills its servers and removes its folder; `stop` does so gently.
#[derive(Debug)]
pub struct Stack {
    env: BTreeMap<String, String>,
    servers: Vec<Server>,
    // After the servers: they must be gone before their folder goes.
    folder: Folder,
}

/// Keeps a stack until Ctrl-C.
pub async fn run() -> Result<()> {
    let mut stack = signals::unless_interrupted(Stack::start("stack")).await?;
    println!("Variables: set -a; . {}", stack.env_file().display());
    println!("Ctrl-C ends everything.");
    let outcome = tokio::select! {
        outcome = stack.keep_running() => outcome,
        asked = signals::interrupted() => asked,
    };
    println!("\nStopping …");
    stack.stop().await;
    outcome
}

impl Stack {
    /// Brings up a stack in `target/<name>`, or in `target/<name>-2` and so on if that one is in use.
    ///
    /// A part whose variable is set in the environment is taken from there and not started.
    pub async fn start(name: &str) -> Result<Self> {
        let started = Instant::now();
        let user = User::for_servers()?;
        let folder = Folder::claim(&workspace::target()?, name, user)?;
        let servers = Box::pin(start_servers(&Place { folder: &folder, user })).await?;
        let mut stack = Self { env: BTreeMap::new(), servers, folder };
        stack.env = variables(&stack.servers)?;
        seed::migrate(stack.var("DATABASE_URL")).await?;
        if stack.server("postgres").is_some() {
            seed::keep_template(stack.var("DATABASE_URL")).await?;
        }
        Box::pin(seed::create_table(&stack.env)).await?;
        seed::create_admin(&stack.env).await?;
        stack.write_env().context("write the env file")?;
        println!("Stack ready in {:.1} s: {}", started.elapsed().as_secs_f32(), stack.env_file().display());
        Ok(stack)
    }

    /// The variables that a function reads, with their values here.
    #[must_use]
    pub fn env(&self) -> &BTreeMap<String, String> {
        &self.env
    }

    /// The same for one function: in a database of ours [under its role](role), which one of the user's own may lack. The
    /// playgrounds have no database.
    #[must_use]
    pub fn env_of(&self, function: &str) -> BTreeMap<String, String> {
        let mut env = self.env.clone();
        let ours = self.servers.iter().any(|server| server.name() == "postgres");
        if let Some(url) = env.get_mut("DATABASE_URL").filter(|_| ours) {
            *url = role::of_function(function, url);
        }
        if ["rl-demo", "bf-demo"].contains(&function) {
            env.remove("DATABASE_URL");
        }
        env
    }

    /// One variable, or nothing if there is no such variable.
    #[must_use]
    pub fn var(&self, name: &str) -> &str {
        self.env.get(name).map_or("", String::as_str)
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

    /// Ends the servers and removes the folder.
    pub async fn stop(mut self) {
        for server in &mut self.servers {
            server.stop().await;
        }
    }

    /// Starts servers again that end by themselves. Never returns; may be dropped at any time.
    pub(crate) async fn keep_running(&mut self) -> Result<()> {
        let mut keepers = self.servers.iter_mut().map(keep_running);
        let [first, second, third] = [keepers.next(), keepers.next(), keepers.next()];
        tokio::try_join!(or_pending(first), or_pending(second), or_pending(third)).map(|_| ())
    }

    /// The file with the variables, `KEY=value` a line, as a POSIX shell reads it.
    #[must_use]
    pub fn env_file(&self) -> std::path::PathBuf {
        self.dir().join("env")
    }

    fn write_env(&self) -> std::io::Result<()> {
        let mut file = File::create_new(self.env_file())?;
        file.set_permissions(Permissions::from_mode(0o600))?;
        file.write_all(dotenv::render(&self.env).as_bytes())
    }
}

async fn or_pending(keeper: Option<impl Future<Output = Result<()>>>) -> Result<()> {
    match keeper {
        Some(keeper) => keeper.await,
        None => std::future::pending().await,
    }
}

async fn keep_running(server: &mut Server) -> Result<()> {
    loop {
        let how = server.ended().await;
        println!("{} ended ({how}); starting it again …", server.name());
        server.start_again().await?;
        println!("{} is back", server.name());
    }
}

/// Starts those servers that the user does not have.
async fn start_servers(place: &Place<'_>) -> Result<Vec<Server>> {
    let tools = Tools::new()?;
    let missing = |name: &str| {
        let set = settings::var(name).is_some();
        if set {
            println!("Using {name} from the environment");
        }
        !set
    };
    let initdb = if missing("DATABASE_URL") { Some(place.reachable(tools.initdb().await?)?) } else { None };
    let valkey = if missing("REDIS_URL") { Some(place.reachable(tools.valkey().await?)?) } else { None };
    let dynoxide = if missing("AWS_ENDPOINT_URL_DYNAMODB") {
        Some(place.reachable(tools.dynoxide().await?)?)
    } else {
        None
    };
    let mut servers = Vec::new();
    if let Some(valkey) = &valkey {
        servers.push(server::redis(valkey, place)?);
    }
    if let Some(dynoxide) = &dynoxide {
        servers.push(server::dynamodb(dynoxide, place)?);
    }
    for server in &mut servers {
        server.start().await?;
    }
    if let Some(initdb) = &initdb {
        servers.push(server::postgres(initdb, place).await?);
    }
    Ok(servers)
}

/// A variable that the user has set wins, as with a database that outlives this stack it must.
fn variables(servers: &[Server]) -> Result<BTreeMap<String, String>> {
    let url = |name: &str| {
        servers.iter().find(|server| server.name() == name).map(|server| server.url().to_owned())
    };
    let servers = [
        ("DATABASE_URL", url("postgres")),
        ("REDIS_URL", url("redis")),
        ("AWS_ENDPOINT_URL_DYNAMODB", url("dynamodb")),
    ];
    let keys = seed::key_pair();
    let defaults = [
        ("AWS_REGION", "eu-central-1".to_owned()),
        ("AWS_ACCESS_KEY_ID", "local".into()),
        ("AWS_SECRET_ACCESS_KEY", "local".into()),
        ("IDEMPOTENCY_TABLE", "bookshelf-idempotency".into()),
        ("JWT_PRIVATE_KEY", keys.private_pem.trim_end().replace('\n', "\\n")),
        ("JWT_PUBLIC_KEYS", keys.public_jwks),
        ("JWT_ISSUER", "http://localhost".into()),
        ("JWT_AUDIENCE", "bookshelf".into()),
        ("PASSWORD_PEPPER", random::key()?),
        ("ADMIN_USERNAME", "admin".into()),
        ("ADMIN_PASSWORD", random::password()?),
    ];
    let mut env = BTreeMap::new();
    for (name, ours) in servers {
        env.extend(ours.or_else(|| settings::var(name)).map(|value| (name.to_owned(), value)));
    }
    // Somebody's real credentials are no business of a server of ours.
    let own_dynamodb = settings::var("AWS_ENDPOINT_URL_DYNAMODB").is_some();
    for (name, default) in defaults {
        let set = settings::var(name).filter(|_| own_dynamodb || !name.starts_with("AWS_"));
        env.insert(name.to_owned(), set.unwrap_or(default));
    }
    Ok(env)
}
