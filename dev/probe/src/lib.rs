//! A function for tests of what all functions share: limits, locks, the cache, idempotent writes, connections, events.
//! It is never deployed, so it stays when a function that is deployed goes.
//!
//! | module | purpose |
//! |---|---|
//! | `limits` | routes that need no database: they count against a quota or a lock, and repeat what they are told |
//! | `note` | notes, and what a client sends to write or to find them |
//! | `notes` | the routes of notes: a resource with a cached list, idempotent writes and roles |
//! | `store` | the SQL of notes |
//!
//! Its table and its role in the database are in [`SCHEMA`], since no migration may contain them.

mod limits;
mod note;
mod notes;
mod store;

use axum::extract::FromRef;
use idempotency::{Idempotency, Scope, idempotent};
use utoipa_axum::router::UtoipaMethodRouterExt as _;
use utoipa_axum::routes;

use shared::cache::Cache;
use shared::config::{self, Env};
use shared::http::{Authenticator, Routes};
use shared::identity::tokens::{Verifier, generate};
use shared::lambda::function::Function;
use shared::protection::limiter::Limiter;
use shared::protection::lockout::Lockout;
use shared::protection::quotas;
use shared::stores;
use shared::stores::postgres::Postgres;
use shared::stores::redis::Redis;

pub use limits::RIGHT_PASSWORD;
use store::Store;

/// Creates the table of notes and the role of this function, in a database that is migrated.
pub const SCHEMA: &str = include_str!("schema.sql");

/// Variables with which this function starts, and others too. Its stores refuse every connection, and no token is
/// signed with its keys.
#[must_use]
pub fn env_without_stores() -> Env {
    Env::of([
        ("DATABASE_URL", "postgres://nobody@127.0.0.1:1/nothing"),
        ("REDIS_URL", "redis://127.0.0.1:1/"),
        ("JWT_ISSUER", "issuer"),
        ("JWT_AUDIENCE", "audience"),
        ("JWT_PUBLIC_KEYS", &generate().public_jwks),
        ("IDEMPOTENCY_TABLE", "nothing"),
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ACCESS_KEY_ID", "nobody"),
        ("AWS_SECRET_ACCESS_KEY", "nothing"),
    ])
}

/// The function's state.
#[derive(Clone, FromRef)]
pub struct Probe {
    store: Store,
    postgres: Postgres,
    redis: Redis,
    authenticator: Authenticator,
    idempotency: Idempotency,
    lockout: Lockout,
    limiter: Limiter,
}

impl Function for Probe {
    const NAME: &'static str = "probe";

    fn from_env(env: &Env) -> Result<Self, config::Error> {
        let (postgres, redis) = (Postgres::from_env(env)?, Redis::from_env(env)?);
        Ok(Self {
            store: Store::new(postgres.clone(), Cache::from_env(env, redis.clone(), store::LIST)?),
            authenticator: Authenticator::new(Verifier::from_env(env)?, postgres.clone()),
            idempotency: Idempotency::from_env(env)?,
            lockout: Lockout::new(&redis),
            limiter: Limiter::with_quotas(env, redis.clone(), &[quotas::DEFAULT, limits::KNOCK])?,
            postgres,
            redis,
        })
    }

    async fn connect(&self) {
        stores::connect(&self.postgres, &self.redis).await;
    }

    fn routes(&self) -> Routes<Self> {
        let scope = Scope::User(self.authenticator.clone());
        let creation = routes!(notes::create_note).layer(idempotent(&self.idempotency, scope));
        let note = routes!(notes::get_note, notes::update_note, notes::delete_note);
        Routes::new(&self.limiter)
            .limited(quotas::DEFAULT, routes!(limits::ping))
            .limited(limits::KNOCK, routes!(limits::knock))
            .limited(quotas::DEFAULT, routes!(limits::echo_query, limits::echo_form))
            .limited(quotas::DEFAULT, routes!(limits::guess))
            .limited(quotas::DEFAULT, routes!(notes::list_notes))
            .limited_signed_in(quotas::DEFAULT, &self.authenticator, creation)
            .limited_signed_in(quotas::DEFAULT, &self.authenticator, note)
    }
}
