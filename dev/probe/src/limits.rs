//! Routes that need no database: they count against a quota or a lock, and repeat what they are told.

use std::time::Duration;

use axum::extract::State;
use serde::Serialize;

use shared::http::{ClientNetwork, Error, Form, Json, JsonResponse, Query, Result};
use shared::protection::lockout::{Admission, Lockout, Rule};
use shared::protection::quota::{MINUTE, Quota};
use shared::validation::{Fields, FromFields, MultilineText};

/// Knocks: 20 per minute and network, beside the quota of all other routes.
pub(crate) const KNOCK: Quota = Quota::new("knock", 20).per(MINUTE);

/// 5 wrong guesses at one name from one network within 2 minutes lock that name there for a minute.
const RULE: Rule = Rule::new("probe", 5, Duration::from_mins(2), Duration::from_mins(1));

/// What a right guess says.
pub const RIGHT_PASSWORD: &str = "open sesame";

/// Counted by `default`, 100 per minute and network; does nothing else.
#[utoipa::path(get, path = "/probe/ping", responses((status = 200)))]
pub(crate) async fn ping() -> JsonResponse<&'static str> {
    JsonResponse("pong")
}

/// Counted by [`KNOCK`]; does nothing else.
#[utoipa::path(post, path = "/probe/knock", responses((status = 200)))]
pub(crate) async fn knock() -> JsonResponse<&'static str> {
    JsonResponse("let in")
}

pub(crate) struct Echo {
    text: MultilineText<200>,
}

impl FromFields for Echo {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        Some(Self { text: fields.required("text")? })
    }
}

/// Repeats the text in the query.
#[utoipa::path(get, path = "/probe/echo", responses((status = 200)))]
pub(crate) async fn echo_query(Query(Echo { text }): Query<Echo>) -> JsonResponse<String> {
    JsonResponse(text.as_str().to_owned())
}

/// Repeats the text in the form.
#[utoipa::path(post, path = "/probe/echo", responses((status = 200)))]
pub(crate) async fn echo_form(Form(Echo { text }): Form<Echo>) -> JsonResponse<String> {
    JsonResponse(text.as_str().to_owned())
}

pub(crate) struct Guess {
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
pub(crate) struct Outcome {
    right: bool,
    /// Wrong guesses that count now.
    failures: u32,
}

/// Guesses [`RIGHT_PASSWORD`]: 200, or 429 while the name is locked for the client's network.
#[utoipa::path(post, path = "/probe/guess", responses((status = 200)))]
pub(crate) async fn guess(
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
