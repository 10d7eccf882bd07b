//! Knows every function, so that tests and tools can hold them against one another. Never deployed.

mod openapi;

use std::collections::BTreeSet;
use std::sync::Arc;

use shared::config::{self, Env};
use shared::lambda::Gateway;
use shared::lambda::function::Function;
use shared::testing::{Failure, Invocation, Invoke, incoming};
use utoipa::openapi::OpenApi;

pub use openapi::{openapi, openapi_json};

/// What there is to know about a function without calling it.
pub struct Description {
    /// The binary's name.
    pub name: &'static str,
    /// Its operations; none if it serves no HTTP.
    pub openapi: OpenApi,
    /// The variables it asks for.
    pub variables: BTreeSet<String>,
}

/// Describes every function of the bundle, each started with the variables of `env`.
pub fn describe_all(env: impl Fn() -> Env) -> Result<Vec<Description>, config::Error> {
    Ok(vec![
        describe_auth(&env())?,
        describe::<bf_demo::App>(&env())?,
        describe::<books::App>(&env())?,
        describe::<rl_demo::App>(&env())?,
        describe::<system::App>(&env())?,
        describe_maintenance(&env())?,
    ])
}

fn describe<F: Function>(env: &Env) -> Result<Description, config::Error> {
    Gateway::from_env::<F>(env)?;
    let openapi = openapi::operations::<F>(env)?;
    Ok(Description { name: F::NAME, openapi, variables: env.asked() })
}

/// With what it asks for before it asks for the rest.
fn describe_auth(env: &Env) -> Result<Description, config::Error> {
    secrets::Source::from_env(env)?;
    describe::<auth::App>(env)
}

fn describe_maintenance(env: &Env) -> Result<Description, config::Error> {
    maintenance::App::from_env(env)?;
    Ok(Description { name: maintenance::NAME, openapi: OpenApi::default(), variables: env.asked() })
}

/// Starts the function of this name in process; `None` if there is none.
pub fn start(function: &str, env: &Env) -> Result<Option<Arc<dyn Invoke>>, config::Error> {
    Ok(Some(match function {
        "auth" => Arc::new(Gateway::from_env::<auth::App>(env)?),
        "bf-demo" => Arc::new(Gateway::from_env::<bf_demo::App>(env)?),
        "books" => Arc::new(Gateway::from_env::<books::App>(env)?),
        "rl-demo" => Arc::new(Gateway::from_env::<rl_demo::App>(env)?),
        "system" => Arc::new(Gateway::from_env::<system::App>(env)?),
        maintenance::NAME => Arc::new(Maintenance(maintenance::App::from_env(env)?)),
        _ => return Ok(None),
    }))
}

struct Maintenance(maintenance::App);

impl Invoke for Maintenance {
    fn invoke<'a>(&'a self, event: &'a str) -> Invocation<'a> {
        Box::pin(async move {
            let report = self.0.answer(incoming(event)?).await.map_err(Failure::of)?;
            serde_json::to_value(report).map_err(Failure::of)
        })
    }
}
