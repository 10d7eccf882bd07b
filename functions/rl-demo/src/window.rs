//! `GET /rl-demo/window` shows a caller its own log.

use std::time::Duration;

use axum::extract::State;
use serde::Serialize;
use shared::http::openapi::{RateLimited, Stored, WithName, WithQuery};
use shared::http::{ClientNetwork, Error, JsonResponse, Query, Result};
use shared::protection::limiter::{Limiter, RateLimitKey, Window};
use shared::protection::quota::Quota;
use shared::protection::quotas;
use shared::validation::{Fields, FromField, FromFields, Raw};
use utoipa::{IntoParams, ToSchema};

/// The question.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct WindowQuery {
    /// The quota whose log is shown.
    #[param(required = false, inline, example = "ping")]
    quota: WatchedQuota,
}

/// A quota of this function.
#[derive(Debug, Clone, Copy, Default, ToSchema)]
enum WatchedQuota {
    #[default]
    #[schema(rename = "ping")]
    Ping,
    #[schema(rename = "login_sim")]
    LoginSim,
}

impl WatchedQuota {
    fn quota(self) -> Quota {
        match self {
            Self::Ping => quotas::PING,
            Self::LoginSim => quotas::LOGIN_SIM,
        }
    }
}

impl FromField for WatchedQuota {
    fn from_field(raw: Raw) -> Result<Self, String> {
        let name = raw.text()?;
        let named = [Self::Ping, Self::LoginSim].into_iter().find(|watched| watched.quota().name == name);
        named.ok_or_else(|| "must be ping or login_sim".to_owned())
    }
}

impl FromFields for WindowQuery {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        Some(Self { quota: fields.optional("quota")?.unwrap_or_default() })
    }
}

/// What the limiter keeps of a caller. Times are in milliseconds from now.
#[derive(Serialize, ToSchema)]
#[schema(as = RateLimitWindow)]
pub(crate) struct WindowState {
    #[schema(example = "ping")]
    quota: &'static str,
    /// Requests per window.
    #[schema(minimum = 1, maximum = 10_000, example = 5)]
    limit: u32,
    #[schema(minimum = 1000, example = 10_000)]
    window_ms: u64,
    /// How many more would pass now.
    #[schema(minimum = 0, maximum = 10_000, example = 0)]
    remaining: u32,
    /// Until the next request would pass; 0 if it would pass now.
    #[schema(minimum = 0, example = 4211)]
    next_passes_in_ms: u64,
    /// For each request in the log, the oldest first, the time until it leaves the window.
    #[schema(max_items = 10_000, example = json!([4211, 4212, 4212, 8640, 9003]))]
    leaves_in_ms: Vec<u64>,
}

impl From<Window> for WindowState {
    fn from(window: Window) -> Self {
        Self {
            quota: window.quota.name,
            limit: window.quota.limit,
            window_ms: milliseconds(window.quota.window),
            remaining: window.remaining(),
            next_passes_in_ms: milliseconds(window.next_passes_in()),
            leaves_in_ms: window.leaves_in.into_iter().map(milliseconds).collect(),
        }
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Show which requests count now
///
/// Those of your network, and when they stop to count. Looking counts against a quota of its own. There is nothing to
/// see (404) for a caller without an address, since all such callers share one log.
#[utoipa::path(
    get, path = "/rl-demo/window", tag = "rl-demo", params(WindowQuery),
    responses(
        (status = 200, description = "The log of the caller's network", body = WindowState),
        WithQuery, WithName, RateLimited, Stored,
    ),
)]
pub(crate) async fn show_window(
    State(limiter): State<Limiter>,
    network: ClientNetwork,
    Query(query): Query<WindowQuery>,
) -> Result<JsonResponse<WindowState>> {
    if !network.is_known() {
        return Err(Error::NotFound);
    }
    let key = network.to_string();
    let window = limiter.window(query.quota.quota(), RateLimitKey::Client(&key)).await?;
    Ok(JsonResponse(window.into()))
}
