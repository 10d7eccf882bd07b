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
use axum::http::{HeaderValue, header};
use axum::middleware::from_fn;
use idempotency::{Idempotency, Scope, idempotent};
use shared::config::{self, Env};
use shared::http::problem::for_oauth_clients;
use shared::http::throttle;
use shared::identity::passwords::Hasher;
use shared::identity::tokens::{Issuer, Verifier};
use shared::lambda::function::Function;
use shared::protection::limiter::{By, DEFAULT, Limiter, MINUTE, Outage, Quota};
use shared::protection::lockout::Lockout;
use shared::stores::postgres::Postgres;
use shared::stores::redis::Redis;
use tower_http::set_header::SetResponseHeaderLayer;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt as _};
use utoipa_axum::routes;

use password_check::PasswordCheck;
use password_policy::PasswordPolicy;
use store::Store;
use token_service::TokenService;

/// Sign-ins: 20 per minute and network, since each may cost a password hash. Uncounted while Redis is
/// unavailable: then Postgres counts wrong guesses.
pub const LOGIN: Quota = Quota::new("login", 20).per(MINUTE);

/// Registrations: 10 per minute and network; each costs a password hash and a row, so none while Redis is
/// unavailable and they can't be counted.
pub const REGISTER: Quota = Quota::new("register", 10).per(MINUTE).on_outage(Outage::Refuse);

/// Password changes: 5 per minute and user; each costs two password hashes.
pub const PASSWORD: Quota =
    Quota::new("password", 5).per(MINUTE).counted_by(By::User).on_outage(Outage::Refuse);

/// The function's state.
#[derive(Clone, FromRef)]
pub struct App {
    store: Store,
    postgres: Postgres,
    verifier: Verifier,
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
        Ok(Self {
            tokens: TokenService::from_env(env, Issuer::from_env(env)?)?,
            store,
            verifier: Verifier::from_env(env)?,
            // A registration holds a password, which a record must not help to guess.
            idempotency: Idempotency::from_env(env)?.with_secret(&hasher.subkey("idempotency")),
            password_check: PasswordCheck::new(
                hasher.clone(),
                Lockout::new(redis.clone()).with_fallback(postgres.clone()),
            ),
            hasher,
            policy: PasswordPolicy::from_env(env)?,
            limiter: Limiter::from_env(env, redis, &[DEFAULT, LOGIN, REGISTER, PASSWORD])?,
            postgres,
        })
    }

    fn routes() -> OpenApiRouter<Self> {
        let no_store = HeaderValue::from_static("no-store");
        let accounts = OpenApiRouter::new()
            .routes(
                routes!(register::register)
                    .layer(idempotent::<Self>(Scope::Network))
                    .layer(throttle(REGISTER)),
            )
            .routes(routes!(login::log_in).layer(throttle(LOGIN)).layer(from_fn(for_oauth_clients)))
            .routes(
                routes!(refresh::refresh_tokens).layer(throttle(DEFAULT)).layer(from_fn(for_oauth_clients)),
            )
            .routes(routes!(revoke::revoke_token).layer(throttle(DEFAULT)).layer(from_fn(for_oauth_clients)))
            .routes(routes!(change_password::change_password).layer(throttle(PASSWORD)))
            .routes(routes!(sessions::list_sessions).layer(throttle(DEFAULT)))
            .routes(routes!(sessions::end_session).layer(throttle(DEFAULT)))
            .routes(routes!(logout::log_out).layer(throttle(DEFAULT)))
            .routes(routes!(logout::log_out_everywhere).layer(throttle(DEFAULT)))
            .routes(routes!(me::show_me).layer(throttle(DEFAULT)))
            .routes(routes!(admin_only::greet_admin).layer(throttle(DEFAULT)))
            .layer(SetResponseHeaderLayer::overriding(header::CACHE_CONTROL, no_store));
        OpenApiRouter::new().routes(routes!(jwks::list_public_keys).layer(throttle(DEFAULT))).merge(accounts)
    }

    fn limiter(&self) -> &Limiter {
        &self.limiter
    }

    fn verifier(&self) -> Option<&Verifier> {
        Some(&self.verifier)
    }
}
