//! The whole API on this machine, rebuilt whenever a source file changes.
//!
//! `cargo lambda watch` stands in for API Gateway and Lambda: it listens on one port, finds the function of a path in
//! the router of `Cargo.toml`, and hands events to whoever asks for them. The functions ask: each is a process that is
//! started, watched and started again here.

mod cargo_lambda;
mod functions;
mod log_view;
mod sources;

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

pub use self::log_view::LogStyle;
use self::{functions::Functions, log_view::LogView, sources::Sources};
use crate::{
    Error, Result,
    error::Context,
    ports::PortLock,
    process_spec::ProcessSpec,
    settings,
    stack::{Persistence, Stack},
    tools::{Tool, Tools},
    workspace,
};

const PORT: u16 = 9000;

/// What can be chosen about a local API.
#[derive(Debug)]
pub struct Options {
    /// The port to listen on; the first free one from 9000 on if not given.
    pub port: Option<u16>,
    /// How the functions' log is shown.
    pub log: LogStyle,
    /// The name of its stack, which is its folder in `target`.
    pub stack: String,
    /// How long its data lives.
    pub persistence: Persistence,
    /// Variables for the functions beside those of the stack: quotas for a test that asks more than a person.
    pub variables: Vec<(String, String)>,
}

/// The running API with its stack. Dropping it ends everything at once; `stop` does so gently.
#[derive(Debug)]
pub struct LocalApi {
    options: Options,
    cargo_lambda: Tool,
    functions: Functions,
    log: Arc<LogView>,
    port: PortLock,
    stack: Stack,
}

impl LocalApi {
    /// Builds the functions, starts everything and returns when each function has answered.
    pub async fn start(options: Options) -> Result<Self> {
        // Before anything that takes long, so that a taken port is known at once.
        let port = lock_port(options.port)?;
        let tools = Tools::new()?;
        println!("Building the functions (the first time a minute or two); meanwhile the servers start …");
        let (binaries, cargo_lambda, mut stack) = tokio::try_join!(
            workspace::build_functions(&[]),
            tools.cargo_lambda(),
            Stack::start(&options.stack, options.persistence),
        )?;
        tools.link(&cargo_lambda, "cargo-lambda")?;
        println!("Preparing the database …");
        stack.seed().await?;
        println!("Starting the functions …");
        let log = Arc::new(LogView::new(options.log, &stack.dir().join("functions.log"))?);
        let specs = specs(&cargo_lambda, port.port, &stack, &options.variables, &binaries)?;
        let functions = Functions::start(port.port, specs, log.clone()).await?;
        Ok(Self { options, cargo_lambda, functions, log, port, stack })
    }

    /// The URL of the API, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port.port)
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

    /// The file with all that the functions have logged.
    #[must_use]
    pub fn log_file(&self) -> PathBuf {
        self.log.file().to_owned()
    }

    /// The processes that run, by their ids: cargo-lambda and each function.
    #[must_use]
    pub fn processes(&self) -> Vec<u32> {
        self.functions.ids()
    }

    /// Ends the functions, then the servers.
    pub async fn stop(self) {
        self.functions.stop().await;
        self.stack.stop().await;
    }

    /// Starts servers and functions again that end by themselves, and functions whose sources change; returns if that
    /// does not succeed.
    pub async fn supervise(&mut self) -> Result<()> {
        let mut sources = Sources::of(&workspace::root()?);
        loop {
            tokio::select! {
                outcome = self.stack.supervise() => return outcome,
                outcome = self.functions.supervise() => return outcome,
                () = sources.changed() => self.rebuild().await?,
            }
        }
    }

    async fn rebuild(&mut self) -> Result<()> {
        println!("The sources have changed …");
        let Ok(binaries) = workspace::build_functions(&[]).await else {
            println!("They do not build. The API serves what was built before.");
            return Ok(());
        };
        if let Err(error) = self.stack.seed().await {
            println!("{error}\nThe API serves what was built before.");
            return Ok(());
        }
        let variables = &self.options.variables;
        let specs = specs(&self.cargo_lambda, self.port.port, &self.stack, variables, &binaries)?;
        self.functions.start_again(specs).await
    }
}

/// The processes to start: cargo-lambda, and each function behind it.
fn specs(
    cargo_lambda: &Tool,
    port: u16,
    stack: &Stack,
    variables: &[(String, String)],
    binaries: &BTreeMap<String, PathBuf>,
) -> Result<Vec<ProcessSpec>> {
    let root = workspace::root()?;
    let gateway = cargo_lambda::spec(cargo_lambda, port, stack.dir())?;
    let functions = workspace::functions()?;
    let mut specs = vec![gateway];
    for name in &functions {
        specs.push(function(name, &binaries[name], port, stack, variables)?.dir(&root));
    }
    Ok(specs)
}

/// A function that asks cargo-lambda for its events, as it would ask Lambda. At the debug level it logs the paths of
/// requests.
fn function(
    name: &str,
    binary: &PathBuf,
    port: u16,
    stack: &Stack,
    variables: &[(String, String)],
) -> Result<ProcessSpec> {
    let spec = ProcessSpec::new(name, binary)
        .env("LOG_LEVEL", settings::var("LOG_LEVEL").unwrap_or_else(|| "debug".into()))
        .envs(&stack.env_of(name)?)
        .env("AWS_LAMBDA_RUNTIME_API", format!("http://127.0.0.1:{port}/.rt/{name}"))
        .env("AWS_LAMBDA_FUNCTION_NAME", name)
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
        .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST");
    Ok(variables.iter().fold(spec, |spec, (name, value)| spec.env(name, value)))
}

fn lock_port(port: Option<u16>) -> Result<PortLock> {
    let locks = workspace::target()?;
    std::fs::create_dir_all(&locks).context(format!("create {}", locks.display()))?;
    let Some(port) = port else { return PortLock::from(PORT, &locks) };
    let taken = || Error::new(format!("port {port} is taken; name another with --port, or none"));
    PortLock::on(port, &locks)?.ok_or_else(taken)
}
