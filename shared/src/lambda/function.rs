//! What it takes to be a function of this bundle. Everything else (the Lambda `main`, the local server, the
//! tests, the documentation) uses this trait and nothing more.

use utoipa_axum::router::OpenApiRouter;

use crate::config::{self, Env};
use crate::identity::tokens::Verifier;
use crate::protection::limiter::Limiter;

/// A group of endpoints that is deployed as one Lambda function.
pub trait Function: Clone + Send + Sync + 'static {
    /// The binary's name.
    const NAME: &'static str;

    /// Reads the configuration and prepares lazy connections; opens none.
    fn from_env(env: &Env) -> Result<Self, config::Error>;

    /// Every endpoint. Path and method are written once, on its handler.
    fn routes() -> OpenApiRouter<Self>;

    /// Counts requests against the quotas that the routes name.
    fn limiter(&self) -> &Limiter;

    /// Checks tokens, in functions where a quota counts by user.
    fn verifier(&self) -> Option<&Verifier> {
        None
    }
}
