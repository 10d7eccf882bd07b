//! The `rl-demo` function: a playground for the rate limiter.
//!
//! It has two routes to send many requests to, each with a quota of its own. They do nothing else. A third one shows
//! the log that the limiter keeps of its caller.

mod window;

use axum::extract::FromRef;
use serde::Serialize;
use shared::config::{self, Env};
use shared::http::openapi::RateLimited;
use shared::http::{JsonResponse, Routes};
use shared::lambda::function::Function;
use shared::protection::limiter::Limiter;
use shared::protection::quotas;
use shared::stores::redis::Redis;
use utoipa::ToSchema;
use utoipa_axum::routes;

/// The function's state.
#[derive(Clone, FromRef)]
pub struct App {
    redis: Redis,
    limiter: Limiter,
}

impl Function for App {
    const NAME: &'static str = "rl-demo";

    fn from_env(env: &Env) -> Result<Self, config::Error> {
        let redis = Redis::from_env(env)?;
        Ok(Self { limiter: Limiter::from_env(env, redis.clone())?, redis })
    }

    async fn connect(&self) {
        let _ = self.redis.connect().await;
    }

    fn routes(&self) -> Routes<Self> {
        Routes::new(&self.limiter)
            .limited(quotas::PING, routes!(ping))
            .limited(quotas::LOGIN_SIM, routes!(simulate_login))
            .limited(quotas::DEMO_STATE, routes!(window::show_window))
    }
}

/// A sign that the request was let in.
#[derive(Serialize, ToSchema)]
// The published name, which generated clients know: it stays when the type is renamed.
#[schema(as = RateLimitDemo)]
pub(crate) struct Admitted {
    ok: bool,
    #[schema(example = "pong")]
    message: &'static str,
}

/// Ping
///
/// Admits 5 requests in 10 seconds from one network, and answers 429 to the others.
#[utoipa::path(
    get, path = "/rl-demo/ping", tag = "rl-demo",
    responses((status = 200, description = "Let in", body = Admitted), RateLimited),
)]
pub(crate) async fn ping() -> JsonResponse<Admitted> {
    JsonResponse(Admitted { ok: true, message: "pong" })
}

/// Pretend to sign in
///
/// Admits 3 requests in a minute from one network. Reads no body and signs nobody in.
#[utoipa::path(
    post, path = "/rl-demo/login-sim", tag = "rl-demo",
    responses((status = 200, description = "Let in", body = Admitted), RateLimited),
)]
pub(crate) async fn simulate_login() -> JsonResponse<Admitted> {
    JsonResponse(Admitted { ok: true, message: "a login would be tried now" })
}
