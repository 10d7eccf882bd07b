//! The `auth` function: accounts, sign-in and sessions.
//!
//! A client signs in with OAuth 2.0's password grant (RFC 6749 §4.3). It gets an access token, which every function
//! accepts for ten minutes, and a refresh token, which this function exchanges once for the next pair. Both belong to a
//! session in the database, and are worth nothing once that has ended. This function alone holds the private key that
//! tokens are signed with; its public half is published as a JWK set.

mod admin_only;
mod change_password;
mod jwks;
mod login;
mod logout;
mod me;
mod password_check;
mod password_policy;
mod refresh;
mod register;
mod revoke;
mod security_log;
mod sessions;
mod store;
mod token_service;

use axum::extract::FromRef;
use idempotency::{Idempotency, Scope, idempotent};
use shared::config::{self, Env};
use shared::http::{Authenticator, Routes};
use shared::identity::passwords::Hasher;
use shared::identity::tokens::{Issuer, Verifier};
use shared::lambda::function::Function;
use shared::protection::limiter::Limiter;
use shared::protection::lockout::Lockout;
use shared::protection::quotas;
use shared::stores;
use shared::stores::postgres::Postgres;
use shared::stores::redis::Redis;
use utoipa_axum::router::UtoipaMethodRouterExt as _;
use utoipa_axum::routes;

use password_check::PasswordCheck;
use password_policy::PasswordPolicy;
use store::Store;
use token_service::TokenService;

/// The function's state.
#[derive(Clone, FromRef)]
pub struct App {
    store: Store,
    postgres: Postgres,
    redis: Redis,
    verifier: Verifier,
    authenticator: Authenticator,
    tokens: TokenService,
    hasher: Hasher,
    policy: PasswordPolicy,
    password_check: PasswordCheck,
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
        let verifier = Verifier::from_env(env)?;
        Ok(Self {
            tokens: TokenService::from_env(env, Issuer::from_env(env)?)?,
            store,
            authenticator: Authenticator::new(verifier.clone(), postgres.clone()),
            verifier,
            // A registration holds a password, which a record must not help to guess.
            idempotency: Idempotency::from_env(env)?.with_secret(&hasher.subkey("idempotency")),
            password_check: PasswordCheck::new(
                hasher.clone(),
                Lockout::with_fallback(redis.clone(), postgres.clone()),
            ),
            hasher,
            policy: PasswordPolicy::from_env(env)?,
            limiter: Limiter::from_env(env, redis.clone())?,
            postgres,
            redis,
        })
    }

    async fn connect(&self) {
        stores::connect(&self.postgres, &self.redis).await;
    }

    fn routes(&self) -> Routes<Self> {
        // A network registers, for nobody is signed in yet.
        let scope = Scope::Network { subject: register::name_in };
        let registration = routes!(register::register).layer(idempotent(&self.idempotency, scope));
        Routes::new(&self.limiter)
            .limited(quotas::REGISTER, registration)
            .token_endpoint(quotas::LOGIN, routes!(login::log_in))
            .token_endpoint(quotas::DEFAULT, routes!(refresh::refresh_tokens))
            .token_endpoint(quotas::DEFAULT, routes!(revoke::revoke_token))
            .limited_by_session(quotas::PASSWORD, &self.verifier, routes!(change_password::change_password))
            .limited(quotas::DEFAULT, routes!(sessions::list_sessions))
            .limited_signed_in(quotas::DEFAULT, &self.authenticator, routes!(sessions::end_session))
            .limited_signed_in(quotas::DEFAULT, &self.authenticator, routes!(logout::log_out))
            .limited_signed_in(quotas::DEFAULT, &self.authenticator, routes!(logout::log_out_everywhere))
            .limited(quotas::DEFAULT, routes!(me::show_me))
            .limited(quotas::DEFAULT, routes!(admin_only::greet_admin))
            .not_cached()
            .limited(quotas::DEFAULT, routes!(jwks::list_public_keys))
    }
}
