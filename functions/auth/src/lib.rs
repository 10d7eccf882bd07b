//! Accounts and sign-in: OAuth 2.0's password grant (RFC 6749 §4.3) with rotating refresh tokens.

mod admin_only;
mod grant;
mod guesses;
mod jwks;
mod login;
mod logout;
mod me;
mod new_password;
mod password;
mod refresh;
mod register;
mod revoke;
mod security_log;
mod sessions;
mod store;

use axum::extract::FromRef;
use idempotency::{Idempotency, Scope, idempotent};
use shared::config::{self, Env};
use shared::http::Routes;
use shared::identity::passwords::Hasher;
use shared::identity::tokens::{Issuer, Verifier};
use shared::lambda::function::Function;
use shared::protection::limiter::Limiter;
use shared::protection::lockout::Lockout;
use shared::protection::quotas;
use shared::stores::postgres::Postgres;
use shared::stores::redis::Redis;
use utoipa_axum::router::UtoipaMethodRouterExt as _;
use utoipa_axum::routes;

use grant::Grants;
use new_password::Policy;
use store::Store;

/// The function's state.
#[derive(Clone, FromRef)]
pub struct App {
    store: Store,
    postgres: Postgres,
    verifier: Verifier,
    grants: Grants,
    hasher: Hasher,
    policy: Policy,
    lockout: Lockout,
    idempotency: Idempotency,
    limiter: Limiter,
}

impl Function for App {
    const NAME: &'static str = "auth";

    fn from_env(env: &Env) -> Result<Self, config::Error> {
        let postgres = Postgres::from_env(env)?;
        let redis = Redis::from_env(env)?;
        let store = Store::new(postgres.clone());
        let hasher = Hasher::from_env(env)?;
        Ok(Self {
            grants: Grants::from_env(env, Issuer::from_env(env)?)?,
            store,
            verifier: Verifier::from_env(env)?,
            // A registration holds a password, which a record must not help to guess.
            idempotency: Idempotency::from_env(env)?.with_secret(&hasher.subkey("idempotency")),
            hasher,
            policy: Policy::from_env(env)?,
            lockout: Lockout::new(redis.clone()).with_fallback(postgres.clone()),
            limiter: Limiter::from_env(env, redis)?,
            postgres,
        })
    }

    fn routes(&self) -> Routes<Self> {
        // A network registers, for nobody is signed in yet.
        let registration = routes!(register::register).layer(idempotent(&self.idempotency, Scope::Network));
        Routes::new(&self.limiter)
            .limited(quotas::REGISTER, registration)
            .token_endpoint(quotas::LOGIN, routes!(login::log_in))
            .token_endpoint(quotas::DEFAULT, routes!(refresh::refresh_tokens))
            .token_endpoint(quotas::DEFAULT, routes!(revoke::revoke_token))
            .limited_by_user(quotas::PASSWORD, &self.verifier, routes!(password::change_password))
            .limited(quotas::DEFAULT, routes!(sessions::list_sessions))
            .limited(quotas::DEFAULT, routes!(sessions::end_session))
            .limited(quotas::DEFAULT, routes!(logout::log_out))
            .limited(quotas::DEFAULT, routes!(logout::log_out_everywhere))
            .limited(quotas::DEFAULT, routes!(me::show_me))
            .limited(quotas::DEFAULT, routes!(admin_only::greet_admin))
            .not_cached()
            .limited(quotas::DEFAULT, routes!(jwks::list_public_keys))
    }
}
