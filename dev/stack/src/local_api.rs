//! The whole API on this machine, rebuilt whenever a source file changes.
//!
//! `cargo lambda watch` stands in for API Gateway and Lambda: it listens on one port, finds the function of a path in
//! the router of `Cargo.toml`, and hands events to whoever asks for them. The functions ask: each is a process that is
//! started, watched and started again here.

mod cargo_lambda;
mod functions;
mod left_out;
mod log_view;
mod sources;

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use self::{functions::Functions, log_view::LogView, sources::Sources};
pub use self::{left_out::LeftOut, log_view::LogStyle};
use crate::{
    Error, Result,
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
    /// Functions that somebody else starts, in a debugger for instance.
    pub without: Vec<String>,
    // part of books
    /// How many sample books an empty database is given.
    pub sample_books: Option<u32>,
    // end of part
}

/// The running API with its stack. Dropping it ends everything at once; `stop` does so gently.
#[derive(Debug)]
pub struct LocalApi {
    options: Options,
    cargo_lambda: Tool,
    functions: Functions,
    left_out: Vec<LeftOut>,
    log: Arc<LogView>,
    port: PortLock,
    stack: Stack,
}

impl LocalApi {
    /// Builds the functions, starts everything and returns when each function has answered.
    pub async fn start(options: Options) -> Result<Self> {
        // Before anything that takes long, so that a taken port is known at once.
        let port = lock_port(options.port)?;
        left_out::check(&options.without)?;
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
        // part of books
        if let Some(count) = options.sample_books {
            println!("{}", crate::sample_books::insert(stack.var("DATABASE_URL"), count).await?);
        }
        // end of part
        println!("Starting the functions …");
        let log = Arc::new(LogView::new(options.log, &stack.dir().join("functions.log"))?);
        let prepare = |name: &String| {
            let variables = variables(name, port.port, &stack, &options)?;
            LeftOut::prepare(name, &variables, stack.dir(), &binaries[name])
        };
        let left_out = options.without.iter().map(prepare).collect::<Result<_>>()?;
        let specs = specs(&cargo_lambda, port.port, &stack, &options, &binaries)?;
        let functions = Functions::start(port.port, specs, log.clone()).await?;
        Ok(Self { options, cargo_lambda, functions, left_out, log, port, stack })
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

    /// The functions that were left out.
    #[must_use]
    pub fn left_out(&self) -> &[LeftOut] {
        &self.left_out
    }

    /// The processes that run, by their ids: cargo-lambda and each function.
    #[must_use]
    pub fn processes(&self) -> Vec<u32> {
        self.functions.ids()
    }

    /// Ends the functions, then the servers.
    pub async fn stop(self) {
        self.left_out.iter().for_each(LeftOut::forget);
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
        let specs = specs(&self.cargo_lambda, self.port.port, &self.stack, &self.options, &binaries)?;
        self.functions.start_again(specs).await
    }
}

/// The processes to start: cargo-lambda, and behind it each function that is not left out.
fn specs(
    cargo_lambda: &Tool,
    port: u16,
    stack: &Stack,
    options: &Options,
    binaries: &BTreeMap<String, PathBuf>,
) -> Result<Vec<ProcessSpec>> {
    let root = workspace::root()?;
    let mut specs = vec![cargo_lambda::spec(cargo_lambda, port, stack.dir())?];
    for name in workspace::functions()?.iter().filter(|name| !options.without.contains(name)) {
        let variables = variables(name, port, stack, options)?;
        specs.push(ProcessSpec::new(name, &binaries[name]).envs(&variables).dir(&root));
    }
    Ok(specs)
}

/// The variables of a function that asks cargo-lambda for its events, as it would ask Lambda. At the debug level it
/// logs the paths of requests.
fn variables(name: &str, port: u16, stack: &Stack, options: &Options) -> Result<BTreeMap<String, String>> {
    let mut variables = stack.env_of(name)?;
    let log_level = settings::var("LOG_LEVEL").unwrap_or_else(|| "debug".to_owned());
    let lambda = [
        ("LOG_LEVEL", log_level),
        ("AWS_LAMBDA_RUNTIME_API", format!("http://127.0.0.1:{port}/.rt/{name}")),
        ("AWS_LAMBDA_FUNCTION_NAME", name.to_owned()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256".to_owned()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
    ];
    variables.extend(lambda.map(|(name, value)| (name.to_owned(), value)));
    variables.extend(options.variables.iter().cloned());
    Ok(variables)
}

fn lock_port(port: Option<u16>) -> Result<PortLock> {
    let Some(port) = port else { return PortLock::from(PORT) };
    let taken = || Error::new(format!("port {port} is taken; name another with --port, or none"));
    PortLock::on(port)?.ok_or_else(taken)
}
