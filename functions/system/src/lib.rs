//! The `system` function: health checks and the documentation of the API.
//!
//! `/health` tells that the process runs, `/health/ready` that Postgres and Redis answer. `/openapi.json` describes the
//! whole API, and `/docs` shows that description as a page.

mod docs;

use axum::extract::{FromRef, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use serde::Serialize;
use shared::config::{self, Env};
use shared::http::openapi::{Stored, Throttled};
use shared::http::{Answer, Result, throttle};
use shared::lambda::function::Function;
use shared::protection::limiter::{DEFAULT, Limiter};
use shared::stores::postgres::Postgres;
use shared::stores::redis::Redis;
use utoipa::ToSchema;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt as _};
use utoipa_axum::routes;

/// The function's state.
#[derive(Clone, FromRef)]
pub struct App {
    postgres: Postgres,
    redis: Redis,
    limiter: Limiter,
}

impl Function for App {
    const NAME: &'static str = "system";

    fn from_env(env: &Env) -> Result<Self, config::Error> {
        let redis = Redis::from_env(env)?;
        Ok(Self {
            postgres: Postgres::from_env(env)?,
            limiter: Limiter::from_env(env, redis.clone(), &[DEFAULT])?,
            redis,
        })
    }

    fn routes() -> OpenApiRouter<Self> {
        OpenApiRouter::new()
            // No quota: counting would need Redis, and this route needs no store.
            .routes(routes!(report_health))
            .routes(routes!(report_readiness).layer(throttle(DEFAULT)))
            .routes(routes!(describe_api).layer(throttle(DEFAULT)))
            .routes(routes!(docs::show_docs).layer(throttle(DEFAULT)))
            .routes(routes!(docs::get_docs_file).layer(throttle(DEFAULT)))
    }

    fn limiter(&self) -> &Limiter {
        &self.limiter
    }
}

/// The process runs.
#[derive(Serialize, ToSchema)]
pub(crate) struct Health {
    #[schema(example = "ok")]
    status: &'static str,
}

/// The stores answer.
#[derive(Serialize, ToSchema)]
pub(crate) struct Readiness {
    #[schema(example = "ok")]
    postgres: &'static str,
    #[schema(example = "ok")]
    redis: &'static str,
}

/// Says that the process runs, without touching anything else.
#[utoipa::path(
    get, path = "/health", tag = "system",
    responses((status = 200, description = "It runs", body = Health)),
)]
pub(crate) async fn report_health() -> Answer<Health> {
    Answer(Health { status: "ok" })
}

/// Describes the whole API in this document (`OpenAPI` 3.1).
#[utoipa::path(
    get, path = "/openapi.json", tag = "system",
    responses((status = 200, description = "The document", body = Object, content_type = "application/json"), Throttled),
)]
pub(crate) async fn describe_api() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], include_str!("../../../openapi.json"))
}

/// Says that Postgres and Redis answer; 503 if one of them does not.
#[utoipa::path(
    get, path = "/health/ready", tag = "system",
    responses((status = 200, description = "Both answer", body = Readiness), Throttled, Stored),
)]
pub(crate) async fn report_readiness(
    State(postgres): State<Postgres>,
    State(redis): State<Redis>,
) -> Result<Answer<Readiness>> {
    postgres.ping().await?;
    redis.ping().await?;
    Ok(Answer(Readiness { postgres: "ok", redis: "ok" }))
}
