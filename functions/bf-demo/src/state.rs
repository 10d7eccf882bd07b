//! `GET /bf-demo/state` shows a caller what the lockout keeps of a name for the caller's own network.

use std::time::Duration;

use axum::extract::State;
use serde::Serialize;
use shared::http::openapi::{RateLimited, Stored, WithName, WithQuery};
use shared::http::{ClientNetwork, Error, JsonResponse, Query, Result};
use shared::protection::lockout::{CounterState, Lockout};
use shared::validation::{Fields, FromFields};
use utoipa::openapi::Required;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use crate::{LOCK, THRESHOLD, USERNAME, Username, WINDOW, counter};

/// The question.
pub(crate) struct StateQuery {
    username: Username,
}

impl FromFields for StateQuery {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        Some(Self { username: fields.required("username")? })
    }
}

impl IntoParams for StateQuery {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let username = ParameterBuilder::new().name("username").parameter_in(ParameterIn::Query);
        let username = username.required(Required::True).description(Some(USERNAME));
        vec![username.schema(Some(Username::schema())).example(Some("ada".into())).build()]
    }
}

/// What the lockout keeps of a name for one network. Times are in milliseconds from now.
#[derive(Serialize, ToSchema)]
#[schema(as = GuessState)]
pub(crate) struct GuessState {
    /// Failures at which the name is locked.
    #[schema(minimum = 5, maximum = 5, example = 5)]
    threshold: u32,
    /// How long a failure counts.
    #[schema(minimum = 120_000, maximum = 120_000, example = 120_000)]
    window_ms: u64,
    /// How long a lock holds.
    #[schema(minimum = 60_000, maximum = 60_000, example = 60_000)]
    lock_ms: u64,
    /// Until the lock opens; 0 if there is none.
    #[schema(minimum = 0, maximum = 60_000, example = 0)]
    locked_for_ms: u64,
    /// Guesses that are being checked; they count like failures.
    #[schema(minimum = 0, maximum = 5, example = 0)]
    in_flight: u32,
    /// For each failure, the oldest first, the time until it stops counting. A lock deletes them.
    #[schema(max_items = 5, example = json!([98_412, 119_730]))]
    failures_end_in_ms: Vec<u64>,
}

impl From<CounterState> for GuessState {
    fn from(state: CounterState) -> Self {
        Self {
            threshold: THRESHOLD,
            window_ms: milliseconds(WINDOW),
            lock_ms: milliseconds(LOCK),
            locked_for_ms: milliseconds(state.locked_for),
            in_flight: state.in_flight,
            failures_end_in_ms: state.failures_end_in.into_iter().map(milliseconds).collect(),
        }
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Show the failures and the lock of a name
///
/// Those that count against the name from your network. Looking is no guess, and counts against a quota of its own.
/// There is nothing to see (404) for a caller without an address, since all such callers share what is kept.
#[utoipa::path(
    get, path = "/bf-demo/state", tag = "bf-demo", params(StateQuery),
    responses(
        (status = 200, description = "What is kept for the caller's network", body = GuessState),
        WithQuery, WithName, RateLimited, Stored,
    ),
)]
pub(crate) async fn show_state(
    State(lockout): State<Lockout>,
    network: ClientNetwork,
    Query(query): Query<StateQuery>,
) -> Result<JsonResponse<GuessState>> {
    if !network.is_known() {
        return Err(Error::NotFound);
    }
    let state = lockout.state(&counter(&lockout, &query.username, network)).await?;
    Ok(JsonResponse(state.into()))
}
