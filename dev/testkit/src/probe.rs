//! A function for tests of what all functions share: limits, locks, events. It is not deployed, so it stays when a
//! function that is deployed goes.
//!
//! It counts by quotas of the API and has no user of the cache of its own, so it signs in as the one who may do what
//! any function may.

use std::time::Duration;

use axum::extract::{FromRef, State};
use serde::Serialize;
use utoipa_axum::routes;

use shared::config::{self, Env};
use shared::http::{ClientNetwork, Error, Json, JsonResponse, Result, Routes};
use shared::lambda::function::Function;
use shared::protection::limiter::Limiter;
use shared::protection::lockout::{Admission, Lockout, Rule};
use shared::protection::quotas;
use shared::stores::redis::Redis;
use shared::validation::{Fields, FromFields, MultilineText};

/// 5 wrong guesses at one name from one network within 2 minutes lock that name there for a minute.
const RULE: Rule = Rule::new("probe", 5, Duration::from_mins(2), Duration::from_mins(1));

/// What a right guess says.
pub const RIGHT_PASSWORD: &str = "open sesame";

/// The function's state.
#[derive(Clone, FromRef)]
pub struct Probe {
    redis: Redis,
    lockout: Lockout,
    limiter: Limiter,
}

impl Function for Probe {
    const NAME: &'static str = "probe";

    fn from_env(env: &Env) -> Result<Self, config::Error> {
        let redis = Redis::from_env(env)?;
        Ok(Self { lockout: Lockout::new(&redis), limiter: Limiter::from_env(env, redis.clone())?, redis })
    }

    async fn connect(&self) {
        let _ = self.redis.connect().await;
    }

    fn routes(&self) -> Routes<Self> {
        Routes::new(&self.limiter)
            .limited(quotas::DEFAULT, routes!(ping))
            .limited(quotas::LOGIN, routes!(knock))
            .limited(quotas::DEFAULT, routes!(guess))
    }
}

/// Counted by `default`, 100 per minute and network; does nothing else.
#[utoipa::path(get, path = "/probe/ping", responses((status = 200)))]
async fn ping() -> JsonResponse<&'static str> {
    JsonResponse("pong")
}

/// Counted by `login`, 20 per minute and network; does nothing else.
#[utoipa::path(post, path = "/probe/knock", responses((status = 200)))]
async fn knock() -> JsonResponse<&'static str> {
    JsonResponse("let in")
}

struct Guess {
    name: MultilineText<200>,
    password: MultilineText<200>,
}

impl FromFields for Guess {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let (name, password) = (fields.required("name"), fields.required("password"));
        Some(Self { name: name?, password: password? })
    }
}

/// What became of a guess.
#[derive(Serialize)]
struct Outcome {
    right: bool,
    /// Wrong guesses that count now.
    failures: u32,
}

/// Guesses [`RIGHT_PASSWORD`]: 200, or 429 while the name is locked for the client's network.
#[utoipa::path(post, path = "/probe/guess", responses((status = 200)))]
async fn guess(
    State(lockout): State<Lockout>,
    network: ClientNetwork,
    Json(guess): Json<Guess>,
) -> Result<JsonResponse<Outcome>> {
    let counter = lockout.counter(RULE, &[guess.name.as_str(), &network.to_string()]);
    let attempt = match lockout.begin(vec![counter]).await? {
        Admission::Allowed(attempt) => attempt,
        Admission::Locked(wait) => return Err(Error::TooManyRequests(wait)),
    };
    let right = guess.password.as_str() == RIGHT_PASSWORD;
    let failures = if right {
        attempt.succeeded().await?;
        0
    } else {
        attempt.failed().await?
    };
    Ok(JsonResponse(Outcome { right, failures }))
}
