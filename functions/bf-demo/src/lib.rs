//! The `bf-demo` function: a playground for brute-force protection.
//!
//! It has one password (`letmein`) and no accounts. Unlike the real sign-in it shows how many wrong guesses count, and
//! when a name is locked for the client's network; a second route shows what is kept of a name there.

mod state;

use std::borrow::Cow;
use std::time::Duration;

use axum::extract::{FromRef, State};
use serde::Serialize;
use shared::config::{self, Env};
use shared::http::openapi::{RateLimited, Stored, WithJson};
use shared::http::{ClientNetwork, Error, Json, JsonResponse, Result, Routes};
use shared::identity::usernames;
use shared::lambda::function::Function;
use shared::protection::limiter::Limiter;
use shared::protection::lockout::{Admission, Counter, Lockout, Rule};
use shared::protection::quota::SECOND;
use shared::protection::quotas;
use shared::stores::redis::Redis;
use shared::validation::{Fields, FieldsSchema, FromFields, MultilineText};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use utoipa::{PartialSchema, ToSchema};
use utoipa_axum::routes;

/// 5 wrong guesses at one name from one network within 2 minutes lock that name there for a minute.
const RULE: Rule = Rule::new("demo", THRESHOLD, WINDOW, LOCK);
const THRESHOLD: u32 = 5;
const WINDOW: Duration = SECOND.saturating_mul(120);
const LOCK: Duration = SECOND.saturating_mul(60);

/// The one right password: this is a demonstration.
const RIGHT_PASSWORD: &str = "letmein";

/// The description of a [`Username`].
const USERNAME: &str = "The same name in any case, and with or without white space around it.";

/// The function's state.
#[derive(Clone, FromRef)]
pub struct App {
    redis: Redis,
    lockout: Lockout,
    limiter: Limiter,
}

impl Function for App {
    const NAME: &'static str = "bf-demo";

    fn from_env(env: &Env) -> Result<Self, config::Error> {
        let redis = Redis::from_env(env)?;
        Ok(Self { lockout: Lockout::new(&redis), limiter: Limiter::from_env(env, redis.clone())?, redis })
    }

    async fn connect(&self) {
        let _ = self.redis.connect().await;
    }

    fn routes(&self) -> Routes<Self> {
        Routes::new(&self.limiter)
            .limited(quotas::DEMO_LOGIN, routes!(try_password))
            .limited(quotas::DEMO_STATE, routes!(state::show_state))
    }
}

/// A name to guess at.
type Username = MultilineText<200>;

/// A guess.
pub(crate) struct Guess {
    username: Username,
    password: MultilineText<200>,
}

impl PartialSchema for Guess {
    fn schema() -> RefOr<Schema> {
        FieldsSchema::object("A guess.")
            .required::<Username>("username", "ada")
            .explained("username", USERNAME)
            .required::<MultilineText<200>>("password", "letmein")
            .into()
    }
}

impl ToSchema for Guess {
    // The published name, which generated clients know: it stays when the type is renamed.
    fn name() -> Cow<'static, str> {
        "PasswordGuess".into()
    }
}

impl FromFields for Guess {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let username = fields.required("username");
        let password = fields.required("password");
        Some(Self { username: username?, password: password? })
    }
}

/// What became of a guess.
#[derive(Serialize, ToSchema)]
// The published name, which generated clients know: it stays when the type is renamed.
#[schema(as = PasswordGuessResult)]
pub(crate) struct GuessResult {
    ok: bool,
    #[schema(example = "Wrong password.")]
    message: &'static str,
    /// Wrong guesses that count now; at 5 the name is locked and the count begins anew.
    #[schema(minimum = 0, maximum = 5, example = 1)]
    failures_for_this_user_ip: u32,
}

/// The counter of a name, in any case and without the white space around it, for one network.
fn counter(lockout: &Lockout, username: &Username, network: ClientNetwork) -> Counter {
    let name = usernames::key(username.as_str());
    lockout.counter(RULE, &[name.trim(), &network.to_string()])
}

/// Guess a password
///
/// The right one is `letmein`. A wrong one is answered 200 with `ok: false`. Five wrong guesses at one name from one
/// network lock it there for a minute (429).
#[utoipa::path(
    post, path = "/bf-demo/login", tag = "bf-demo", request_body = Guess,
    responses((status = 200, description = "Right or wrong", body = GuessResult), WithJson, RateLimited, Stored),
)]
pub(crate) async fn try_password(
    State(lockout): State<Lockout>,
    network: ClientNetwork,
    Json(guess): Json<Guess>,
) -> Result<JsonResponse<GuessResult>> {
    let counter = counter(&lockout, &guess.username, network);
    let attempt = match lockout.begin(vec![counter]).await? {
        Admission::Allowed(attempt) => attempt,
        Admission::Locked(wait) => return Err(Error::TooManyRequests(wait)),
    };
    Ok(JsonResponse(if guess.password.as_str() == RIGHT_PASSWORD {
        attempt.succeeded().await?;
        GuessResult { ok: true, message: "Welcome.", failures_for_this_user_ip: 0 }
    } else {
        let failures = attempt.failed().await?;
        GuessResult { ok: false, message: "Wrong password.", failures_for_this_user_ip: failures }
    }))
}
