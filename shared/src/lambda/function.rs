//! The trait that makes a type a function of this API. The Lambda `main`, the tests and the `OpenAPI` description use a
//! function through this trait alone.

use std::future::Future;

use crate::config::{self, Env};
use crate::http::Routes;

/// A group of endpoints that is deployed as one Lambda function, and the state that its handlers share.
pub trait Function: Clone + Send + Sync + 'static {
    /// The name of the function's binary.
    const NAME: &'static str;

    /// Reads the configuration and prepares connections; opens none.
    fn from_env(env: &Env) -> Result<Self, config::Error>;

    /// Opens the connections that requests will use, all at once, and returns when each is open or refused. Whoever
    /// calls this may stop waiting: what is under way goes on.
    fn connect(&self) -> impl Future<Output = ()> + Send;

    /// Every endpoint. Its path and method stand on its handler, once.
    fn routes(&self) -> Routes<Self>;
}
