//! Books: list, create, read, update, delete.

mod book;
mod create;
mod cursor;
mod delete;
mod get;
mod list;
mod listing;
mod order;
mod page;
mod store;
mod update;

use axum::extract::FromRef;
use idempotency::{Idempotency, Scope, idempotent};
use shared::cache::Cache;
use shared::config::{self, Env};
use shared::http::throttle;
use shared::identity::tokens::Verifier;
use shared::lambda::function::Function;
use shared::protection::limiter::{DEFAULT, Limiter};
use shared::stores::postgres::Postgres;
use shared::stores::redis::Redis;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt as _};
use utoipa_axum::routes;

use store::Store;

/// The function's state.
#[derive(Clone)]
pub struct App {
    store: Store,
    postgres: Postgres,
    verifier: Verifier,
    idempotency: Idempotency,
    limiter: Limiter,
}

impl Function for App {
    const NAME: &'static str = "books";

    fn from_env(env: &Env) -> Result<Self, config::Error> {
        let postgres = Postgres::from_env(env)?;
        let redis = Redis::from_env(env)?;
        Ok(Self {
            store: Store::new(postgres.clone(), Cache::from_env(env, redis.clone(), "books")?),
            postgres,
            verifier: Verifier::from_env(env)?,
            idempotency: Idempotency::from_env(env)?,
            limiter: Limiter::from_env(env, redis, &[DEFAULT])?,
        })
    }

    fn routes() -> OpenApiRouter<Self> {
        OpenApiRouter::new()
            .routes(routes!(list::list_books).layer(throttle(DEFAULT)))
            .routes(
                routes!(create::create_book).layer(idempotent::<Self>(Scope::User)).layer(throttle(DEFAULT)),
            )
            .routes(routes!(get::get_book, update::update_book, delete::delete_book).layer(throttle(DEFAULT)))
    }

    fn limiter(&self) -> &Limiter {
        &self.limiter
    }
}

impl FromRef<App> for Store {
    fn from_ref(app: &App) -> Self {
        app.store.clone()
    }
}

impl FromRef<App> for Postgres {
    fn from_ref(app: &App) -> Self {
        app.postgres.clone()
    }
}

impl FromRef<App> for Verifier {
    fn from_ref(app: &App) -> Self {
        app.verifier.clone()
    }
}

impl FromRef<App> for Idempotency {
    fn from_ref(app: &App) -> Self {
        app.idempotency.clone()
    }
}
