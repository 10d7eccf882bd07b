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

use grant::Grants;
use new_password::Policy;
use store::Store;

/// Sign-ins: 20 per minute and network, since each may cost a password hash. Uncounted while Redis is away: then
/// Postgres counts wrong guesses.
pub const LOGIN: Quota = Quota::new("login", 20).per(MINUTE);

/// Registrations: 10 per minute and network; each costs a password hash and a row, so none while nobody counts.
pub const REGISTER: Quota = Quota::new("register", 10).per(MINUTE).on_outage(Outage::Refuse);

/// Password changes: 5 per minute and user; each costs two password hashes.
pub const PASSWORD: Quota =
    Quota::new("password", 5).per(MINUTE).counted_by(By::User).on_outage(Outage::Refuse);

/// The function's state.
#[derive(Clone)]
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
            .routes(routes!(password::change_password).layer(throttle(PASSWORD)))
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
