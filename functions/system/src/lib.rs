//! The `system` function: health checks and pages.
//!
//! `/health` tells that the process runs, `/health/ready` that Postgres and Redis answer. `/openapi.json` describes the
//! whole API, and `/docs` shows that description as a page.

mod assets;
mod docs;
mod playground;

use axum::extract::{FromRef, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use serde::Serialize;
use shared::config::{self, Env};
use shared::http::openapi::{RateLimited, Stored, Unlimited};
use shared::http::{JsonResponse, Result, Routes};
use shared::lambda::function::Function;
use shared::protection::limiter::Limiter;
use shared::protection::quotas;
use shared::stores;
use shared::stores::postgres::Postgres;
use shared::stores::redis::Redis;
use utoipa::ToSchema;
use utoipa_axum::routes;

// part of rl-demo, bf-demo
use playground::Playground;
// end of part

/// The function's state.
#[derive(Clone, FromRef)]
pub struct App {
    postgres: Postgres,
    redis: Redis,
    limiter: Limiter,
    // part of rl-demo, bf-demo
    playground: Playground,
    // end of part
}

impl Function for App {
    const NAME: &'static str = "system";

    fn from_env(env: &Env) -> Result<Self, config::Error> {
        let redis = Redis::from_env(env)?;
        Ok(Self {
            postgres: Postgres::from_env(env)?,
            limiter: Limiter::from_env(env, redis.clone())?,
            redis,
            // part of rl-demo, bf-demo
            playground: Playground::from_env(env)?,
            // end of part
        })
    }

    async fn connect(&self) {
        stores::connect(&self.postgres, &self.redis).await;
    }

    fn routes(&self) -> Routes<Self> {
        Routes::new(&self.limiter)
            // No quota: counting would need Redis, and this route needs no store.
            .unlimited(routes!(report_health))
            .limited(quotas::DEFAULT, routes!(report_readiness))
            .limited(quotas::DEFAULT, routes!(describe_api))
            .limited(quotas::DEFAULT, routes!(docs::lead_to_docs))
            .limited(quotas::DEFAULT, routes!(docs::show_docs))
            .limited(quotas::DEFAULT, routes!(docs::get_docs_file))
            // part of rl-demo, bf-demo
            .limited(quotas::DEFAULT, routes!(playground::show_playground))
            .limited(quotas::DEFAULT, routes!(playground::get_playground_file))
        // end of part
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

/// Report that the process runs
///
/// Asks no store, so it answers while Postgres or Redis is down.
#[utoipa::path(
    get, path = "/health", tag = "system",
    responses((status = 200, description = "It runs", body = Health), Unlimited),
)]
pub(crate) async fn report_health() -> JsonResponse<Health> {
    JsonResponse(Health { status: "ok" })
}

/// Describe the API
///
/// This document (`OpenAPI` 3.1). Generators make clients for many languages from it.
#[utoipa::path(
    get, path = "/openapi.json", tag = "system",
    responses(
        (status = 200, description = "The document", body = Object, content_type = "application/json"),
        RateLimited,
    ),
)]
pub(crate) async fn describe_api() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], include_str!("../../../openapi.json"))
}

/// Report whether the stores answer
///
/// Asks Postgres and Redis what requests ask of them; 503 if one of them does not answer.
#[utoipa::path(
    get, path = "/health/ready", tag = "system",
    responses((status = 200, description = "Both answer", body = Readiness), RateLimited, Stored),
)]
pub(crate) async fn report_readiness(
    State(postgres): State<Postgres>,
    State(redis): State<Redis>,
) -> Result<JsonResponse<Readiness>> {
    let redis = redis.required();
    let (postgres, redis) = tokio::join!(postgres.check(), redis.check());
    postgres?;
    redis?;
    Ok(JsonResponse(Readiness { postgres: "ok", redis: "ok" }))
}
