//! The `rl-demo` function: a playground for the rate limiter.
//!
//! It has two routes to send many requests to, each with a quota of its own. They do nothing else.

use serde::Serialize;
use shared::config::{self, Env};
use shared::http::openapi::Throttled;
use shared::http::{Answer, throttle};
use shared::lambda::function::Function;
use shared::protection::limiter::{Limiter, MINUTE, Quota, SECOND};
use shared::stores::redis::Redis;
use utoipa::ToSchema;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt as _};
use utoipa_axum::routes;

/// Relaxed, to watch it count down and recover: 5 per 10 seconds and network.
pub const PING: Quota = Quota::new("ping", 5).per(SECOND.saturating_mul(10));

/// Strict, as for a sign-in: 3 per minute and network.
pub const LOGIN_SIM: Quota = Quota::new("login_sim", 3).per(MINUTE);

/// The function's state.
#[derive(Clone)]
pub struct App {
    limiter: Limiter,
}

impl Function for App {
    const NAME: &'static str = "rl-demo";

    fn from_env(env: &Env) -> Result<Self, config::Error> {
        let redis = Redis::from_env(env)?;
        Ok(Self { limiter: Limiter::from_env(env, redis, &[PING, LOGIN_SIM])? })
    }

    fn routes() -> OpenApiRouter<Self> {
        OpenApiRouter::new()
            .routes(routes!(ping).layer(throttle(PING)))
            .routes(routes!(simulate_login).layer(throttle(LOGIN_SIM)))
    }

    fn limiter(&self) -> &Limiter {
        &self.limiter
    }
}

/// A sign that the request was let in.
#[derive(Serialize, ToSchema)]
pub(crate) struct Admitted {
    ok: bool,
    #[schema(example = "pong")]
    message: &'static str,
}

/// Answers while the quota of 5 per 10 seconds lasts.
#[utoipa::path(
    get, path = "/rl-demo/ping", tag = "rl-demo",
    responses((status = 200, description = "Let in", body = Admitted), Throttled),
)]
pub(crate) async fn ping() -> Answer<Admitted> {
    Answer(Admitted { ok: true, message: "pong" })
}

/// Answers while the quota of 3 per minute lasts. Reads no body and signs nobody in.
#[utoipa::path(
    post, path = "/rl-demo/login-sim", tag = "rl-demo",
    responses((status = 200, description = "Let in", body = Admitted), Throttled),
)]
pub(crate) async fn simulate_login() -> Answer<Admitted> {
    Answer(Admitted { ok: true, message: "a login would be tried now" })
}
