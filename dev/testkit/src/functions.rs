//! The only list of the functions of this repository. All code that needs every function, or one by its name, uses it.
//! A test compares it with the folders in `functions/`.

use std::collections::BTreeSet;
use std::sync::Arc;

use shared::config::{self, Env};
use shared::lambda::EventHandler;
use shared::lambda::function::Function;
use utoipa::openapi::OpenApi;

use stack::environment::Failure;

use crate::invoke::{Invocation, Invoke, invocation_event, reported_failure};

/// The functions, in the order in which the `OpenAPI` document presents them.
pub const FUNCTIONS: &[Registered] = &[
    Registered::http::<books::App>("The books"),
    Registered::http::<auth::App>("Accounts, sign-in, sessions").reading_a_secret(),
    Registered::http::<system::App>("Health, and this description"),
    Registered::http::<rl_demo::App>("A playground for the rate limiter"),
    Registered::http::<bf_demo::App>("A playground for brute-force protection"),
    MAINTENANCE,
    SMOKE_TEST,
];

/// `maintenance` serves no HTTP; its events name a task.
const MAINTENANCE: Registered = Registered {
    name: maintenance::NAME,
    purpose: None,
    reads_a_secret: false,
    start: |env| Ok(Arc::new(Maintenance(maintenance::App::from_env(env)?))),
    operations: |_| Ok(OpenApi::default()),
};

/// `smoke-test` serves no HTTP; its events are those of a deployment's hook.
const SMOKE_TEST: Registered = Registered {
    name: smoke_test::NAME,
    purpose: None,
    reads_a_secret: false,
    start: |env| Ok(Arc::new(SmokeTest(smoke_test::App::from_env(env)?))),
    operations: |_| Ok(OpenApi::default()),
};

/// A function in the list.
pub struct Registered {
    /// The binary's name.
    pub name: &'static str,
    /// The description of its tag in the `OpenAPI` document; `None` if it serves no HTTP.
    pub purpose: Option<&'static str>,
    /// Whether its `main` reads further variables from a secret.
    reads_a_secret: bool,
    start: fn(&Env) -> Result<Arc<dyn Invoke>, config::Error>,
    operations: fn(&Env) -> Result<OpenApi, config::Error>,
}

impl Registered {
    const fn http<F: Function>(purpose: &'static str) -> Self {
        Self {
            name: F::NAME,
            purpose: Some(purpose),
            reads_a_secret: false,
            start: |env| Ok(Arc::new(EventHandler::from_env::<F>(env)?)),
            operations: |env| Ok(F::from_env(env)?.routes().into_openapi()),
        }
    }

    // part of auth
    const fn reading_a_secret(self) -> Self {
        Self { reads_a_secret: true, ..self }
    }
    // end of part

    /// Starts the function in this process.
    pub fn start(&self, env: &Env) -> Result<Arc<dyn Invoke>, config::Error> {
        (self.start)(env)
    }

    /// The operations of the function when it starts with these variables; none if it serves no HTTP.
    pub fn operations(&self, env: &Env) -> Result<OpenApi, config::Error> {
        (self.operations)(env)
    }

    /// The names of the variables that the function reads when it starts with those of `env`.
    pub fn variables(&self, env: &Env) -> Result<BTreeSet<String>, config::Error> {
        // As `shared::lambda::run` does in every function.
        env.stack_name()?;
        if self.reads_a_secret {
            secrets::Source::from_env(env)?;
        }
        self.start(env)?;
        Ok(env.asked())
    }
}

/// A function as its code describes it.
pub struct Description {
    /// The binary's name.
    pub name: &'static str,
    /// Its operations; none if it serves no HTTP.
    pub openapi: OpenApi,
    /// The names of the variables that it reads.
    pub variables: BTreeSet<String>,
}

/// Describes every function, each started with a new `env()`.
pub fn describe_all(env: impl Fn() -> Env) -> Result<Vec<Description>, config::Error> {
    let describe = |function: &Registered| {
        let env = env();
        let variables = function.variables(&env)?;
        Ok(Description { name: function.name, openapi: function.operations(&env)?, variables })
    };
    FUNCTIONS.iter().map(describe).collect()
}

/// The function with this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Registered> {
    FUNCTIONS.iter().find(|function| function.name == name)
}

struct Maintenance(maintenance::App);

impl Invoke for Maintenance {
    fn invoke<'a>(&'a self, event: &'a str) -> Invocation<'a> {
        Box::pin(async move {
            let report = self.0.handle(invocation_event(event)?).await.map_err(reported_failure)?;
            serde_json::to_value(report).map_err(Failure::here)
        })
    }
}

struct SmokeTest(smoke_test::App);

impl Invoke for SmokeTest {
    fn invoke<'a>(&'a self, event: &'a str) -> Invocation<'a> {
        Box::pin(async move {
            let report = self.0.handle(invocation_event(event)?).await.map_err(reported_failure)?;
            serde_json::to_value(report).map_err(Failure::here)
        })
    }
}
