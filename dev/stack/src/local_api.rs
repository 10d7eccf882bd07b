//! `cargo xtask up`: the whole API on this machine, rebuilt whenever a file changes.

mod functions;
mod sources;

use self::{
    functions::{EMULATOR, Functions},
    sources::Sources,
};
use crate::{
    Error, Result,
    error::Context,
    launch::Launch,
    ports::Claim,
    settings, signals,
    stack::Stack,
    tools::{Tool, Tools},
    workspace::{self, FUNCTIONS, cargo, execute},
};

const PORT: u16 = 9000;

/// What can be chosen about a local API.
#[derive(Debug, Default)]
pub struct Options {
    /// Where to listen; the first free port from 9000 on if not given.
    pub port: Option<u16>,
    /// Write what the functions log to `watch.log` in the stack's folder, not to the terminal.
    pub quiet: bool,
    /// Variables for the functions beside those of the stack: quotas for a test that asks more than a person.
    pub variables: Vec<(String, String)>,
}

/// The running API with its stack. Dropping it ends everything at once; `stop` does so gently.
#[derive(Debug)]
pub struct Up {
    launches: Vec<Launch>,
    functions: Functions,
    claim: Claim,
    stack: Stack,
}

/// Runs the API until Ctrl-C.
pub async fn run(port: Option<u16>) -> Result<()> {
    let mut up = signals::unless_interrupted(Up::start(&Options { port, ..Options::default() })).await?;
    up.greet();
    let outcome = tokio::select! {
        outcome = up.keep_running() => outcome,
        asked = signals::interrupted() => asked,
    };
    println!("\nStopping …");
    up.stop().await;
    outcome
}

impl Up {
    /// Builds the functions, starts everything and returns when each function has answered.
    pub async fn start(options: &Options) -> Result<Self> {
        // Before anything that takes long, so that a taken port is known at once.
        let claim = claim(options.port)?;
        let tools = Tools::new()?;
        let cargo_lambda = tools.cargo_lambda().await?;
        tools.link(&cargo_lambda, "cargo-lambda")?;
        execute(&cargo(["build"])?).await?;
        let stack = Stack::start("stack").await?;
        let mut launches = vec![watch(&cargo_lambda, claim.port)];
        for function in FUNCTIONS {
            launches.push(behind(claim.port, function, &stack, &options.variables)?);
        }
        if options.quiet {
            let log = stack.dir().join("watch.log");
            launches = launches.into_iter().map(|launch| launch.log(&log)).collect();
        }
        let root = workspace::root()?;
        let launches: Vec<_> = launches.into_iter().map(|launch| launch.dir(&root)).collect();
        let functions = Functions::start(claim.port, &launches).await?;
        Ok(Self { launches, functions, claim, stack })
    }

    /// Where the API answers, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.claim.port)
    }

    /// The servers and variables behind the API.
    #[must_use]
    pub fn stack(&self) -> &Stack {
        &self.stack
    }

    /// The same, to kill a server and start it again.
    pub fn stack_mut(&mut self) -> &mut Stack {
        &mut self.stack
    }

    /// The processes that run, by their ids: cargo-lambda and each function.
    #[must_use]
    pub fn processes(&self) -> Vec<u32> {
        self.functions.ids()
    }

    /// Ends the functions, then the servers, and removes the stack's folder.
    pub async fn stop(self) {
        self.functions.stop().await;
        self.stack.stop().await;
    }

    /// Starts servers and functions again that end by themselves, and functions whose sources change; returns if that
    /// does not succeed.
    pub async fn keep_running(&mut self) -> Result<()> {
        let mut sources = Sources::of(&workspace::root()?);
        loop {
            tokio::select! {
                outcome = self.stack.keep_running() => return outcome,
                outcome = self.functions.keep_running() => return outcome,
                () = sources.changed() => self.rebuild().await?,
            }
        }
    }

    async fn rebuild(&mut self) -> Result<()> {
        println!("The sources have changed …");
        if execute(&cargo(["build"])?).await.is_err() {
            println!("They do not build; what was built before serves on.");
            return Ok(());
        }
        self.functions.start_again(&self.launches).await
    }

    fn greet(&self) {
        let (url, port) = (self.url(), self.claim.port);
        println!("\nThe API is at {url}");
        println!(
            "Administrator: {} / {}",
            self.stack.var("ADMIN_USERNAME"),
            self.stack.var("ADMIN_PASSWORD")
        );
        println!("Variables:     set -a; . {}/env", self.stack.dir().display());
        println!("Try:           curl '{url}/books?page_size=3'");
        println!(
            "Invoke:        PATH=target/tools/bin:$PATH cargo lambda invoke maintenance --invoke-address 127.0.0.1 --invoke-port {port} \
             --data-ascii '{{\"task\":\"migrate\"}}'"
        );
        println!("Ctrl-C ends everything.\n");
    }
}

/// `--only-lambda-apis`: it would start the functions itself, all with the same variables, and reload them with a watcher
/// that goes deaf; see [`sources`]. `--disable-cors`: otherwise it answers OPTIONS itself and they never see it.
fn watch(cargo_lambda: &Tool, port: u16) -> Launch {
    cargo_lambda
        .launch(EMULATOR)
        .args(["lambda", "watch", "--only-lambda-apis", "--disable-cors", "--invoke-address", "127.0.0.1"])
        .args(["--invoke-port".to_owned(), port.to_string()])
        // Its own log is not about our functions.
        .env("RUST_LOG", settings::var("RUST_LOG").unwrap_or_else(|| "warn".into()))
}

/// A function that asks the emulator for its events, as it would ask Lambda.
fn behind(port: u16, function: &str, stack: &Stack, variables: &[(String, String)]) -> Result<Launch> {
    let launch = Launch::new(function, workspace::built(function)?)
        .envs(&stack.env_of(function))
        .env("AWS_LAMBDA_RUNTIME_API", format!("http://127.0.0.1:{port}/.rt/{function}"))
        .env("AWS_LAMBDA_FUNCTION_NAME", function)
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
        .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST");
    Ok(variables.iter().fold(launch, |launch, (name, value)| launch.env(name, value)))
}

fn claim(port: Option<u16>) -> Result<Claim> {
    let locks = workspace::target()?;
    std::fs::create_dir_all(&locks).context(format!("create {}", locks.display()))?;
    let Some(port) = port else { return Claim::from(PORT, &locks) };
    let taken = || Error::new(format!("port {port} is taken; name another with --port, or none"));
    Claim::on(port, &locks)?.ok_or_else(taken)
}
