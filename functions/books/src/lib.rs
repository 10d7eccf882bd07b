//! The `books` function: lists books, and creates, reads, updates and deletes one.
//!
//! Everybody may read, a signed-in user may create and update, an administrator may delete. Lists come through a cache
//! in Redis, which every write invalidates; single books come from Postgres.

mod book;
mod conditional;
mod create;
mod cursor;
mod delete;
mod get;
mod list;
mod list_query;
mod order;
mod page;
mod store;
mod update;

use axum::extract::FromRef;
use idempotency::{Idempotency, Scope, idempotent};
use shared::cache::Cache;
use shared::config::{self, Env};
use shared::http::{Authenticator, Routes};
use shared::identity::tokens::Verifier;
use shared::lambda::function::Function;
use shared::protection::limiter::Limiter;
use shared::protection::quotas;
use shared::stores;
use shared::stores::postgres::Postgres;
use shared::stores::redis::Redis;
use utoipa_axum::router::UtoipaMethodRouterExt as _;
use utoipa_axum::routes;

use store::{LIST, Store};

/// The function's state.
#[derive(Clone, FromRef)]
pub struct App {
    store: Store,
    postgres: Postgres,
    redis: Redis,
    authenticator: Authenticator,
    idempotency: Idempotency,
    limiter: Limiter,
}

impl Function for App {
    const NAME: &'static str = "books";

    fn from_env(env: &Env) -> Result<Self, config::Error> {
        let postgres = Postgres::from_env(env)?;
        let redis = Redis::from_env(env)?;
        Ok(Self {
            store: Store::new(postgres.clone(), Cache::from_env(env, redis.clone(), LIST)?),
            authenticator: Authenticator::new(Verifier::from_env(env)?, postgres.clone()),
            idempotency: Idempotency::from_env(env)?,
            limiter: Limiter::from_env(env, redis.clone())?,
            postgres,
            redis,
        })
    }

    async fn connect(&self) {
        stores::connect(&self.postgres, &self.redis).await;
    }

    fn routes(&self) -> Routes<Self> {
        let scope = Scope::User(self.authenticator.clone());
        let creation = routes!(create::create_book).layer(idempotent(&self.idempotency, scope));
        let book = routes!(get::get_book, update::update_book, delete::delete_book);
        Routes::new(&self.limiter)
            .limited(quotas::DEFAULT, routes!(list::list_books))
            .limited_signed_in(quotas::DEFAULT, &self.authenticator, creation)
            .limited_signed_in(quotas::DEFAULT, &self.authenticator, book)
    }
}
