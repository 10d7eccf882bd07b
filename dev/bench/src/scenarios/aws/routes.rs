//! The routes of the API, each with the request that is measured.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use stack::{Error, Result};

use super::side::Side;
use crate::event::Request;
use crate::users;

/// Who is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// Ours and the peer.
    Both,
    /// Ours: the peer has no such route.
    Us,
}

pub(super) struct Route {
    pub(super) name: &'static str,
    pub(super) function: &'static str,
    pub(super) status: u64,
    pub(super) asked: Asked,
    /// Whether passwords are hashed, by the request or for it.
    pub(super) hashes: bool,
    /// Prepares a request. The preparation is not measured.
    pub(super) request: fn(&Side<'_>) -> Result<Request>,
}

const fn route(
    name: &'static str,
    function: &'static str,
    status: u64,
    request: fn(&Side<'_>) -> Result<Request>,
) -> Route {
    Route { name, function, status, asked: Asked::Both, hashes: false, request }
}

impl Route {
    const fn of_us_alone(mut self) -> Self {
        self.asked = Asked::Us;
        self
    }

    const fn hashing(mut self) -> Self {
        self.hashes = true;
        self
    }
}

/// Every route but the documentation's, which touches no store.
pub(super) const ROUTES: [Route; 24] = [
    route("cached list", "books", 200, |_| Ok(Request::get("/books"))),
    route("uncached list", "books", 200, |side| {
        side.empty_cache()?;
        Ok(Request::get("/books"))
    }),
    route("item", "books", 200, |_| Ok(Request::get("/books/4711"))),
    route("create", "books", 201, |side| Ok(create(side))),
    route("update", "books", 200, |side| {
        let change = json!({"year": side.number() % 2100});
        Ok(Request::json("PUT", "/books/4711", &change).bearer(&side.access()))
    }),
    route("delete", "books", 204, |side| {
        let created: Value = serde_json::from_str(&side.before("books", &create(side))?).unwrap_or_default();
        Ok(Request { method: "DELETE", ..Request::get(format!("/books/{}", created["id"])) }
            .bearer(&side.admin()))
    }),
    route("registration", "auth", 201, |side| Ok(users::registration(&side.unique("visitor")))).hashing(),
    route("login", "auth", 200, |_| Ok(users::login("regular"))).hashing(),
    route("refresh", "auth", 200, |side| Ok(users::refresh(&side.refresh()))),
    route("me", "auth", 200, |side| Ok(Request::get("/auth/me").bearer(&side.access()))),
    route("admin only", "auth", 200, |side| Ok(Request::get("/auth/admin-only").bearer(&side.admin()))),
    route("sessions", "auth", 200, |side| Ok(Request::get("/auth/sessions").bearer(&side.access())))
        .of_us_alone(),
    route("end of a session", "auth", 204, |side| {
        let session = session_of(&side.new_session()?.access)?;
        let request = Request { method: "DELETE", ..Request::get(format!("/auth/sessions/{session}")) };
        Ok(request.bearer(&side.access()))
    })
    .of_us_alone()
    .hashing(),
    route("revocation", "auth", 200, |side| {
        Ok(Request::form("/auth/revoke", format!("token={}", side.new_session()?.refresh)))
    })
    .of_us_alone()
    .hashing(),
    route("logout", "auth", 204, |side| {
        Ok(Request::json("POST", "/auth/logout", &json!({})).bearer(&side.new_session()?.access))
    })
    .of_us_alone()
    .hashing(),
    route("logout of all", "auth", 204, |side| {
        Ok(Request::json("POST", "/auth/logout-all", &json!({})).bearer(&side.new_user()?.access))
    })
    .of_us_alone()
    .hashing(),
    route("password", "auth", 204, |side| {
        let change = json!({"current_password": users::PASSWORD, "new_password": "tr0ubador on a horse"});
        Ok(Request::json("POST", "/auth/password", &change).bearer(&side.new_user()?.access))
    })
    .of_us_alone()
    .hashing(),
    route("keys", "auth", 200, |_| Ok(Request::get("/.well-known/jwks.json"))).of_us_alone(),
    route("ping", "rl-demo", 200, |_| Ok(Request::get("/rl-demo/ping"))),
    route("login simulation", "rl-demo", 200, |_| {
        Ok(Request::json("POST", "/rl-demo/login-sim", &json!({"username": "ada", "password": "x"})))
    }),
    route("demo login", "bf-demo", 200, |_| {
        Ok(Request::json("POST", "/bf-demo/login", &json!({"username": "ada", "password": "letmein"})))
    }),
    route("health", "system", 200, |_| Ok(Request::get("/health"))).of_us_alone(),
    route("readiness", "system", 200, |_| Ok(Request::get("/health/ready"))).of_us_alone(),
    route("unknown path", "system", 404, |_| Ok(Request::get("/nowhere"))).of_us_alone(),
];

fn create(side: &Side<'_>) -> Request {
    let book = json!({"title": "The Telling", "author": "Ursula K. Le Guin", "year": side.number() % 2100});
    Request::json("POST", "/books", &book).bearer(&side.access())
}

/// The session that an access token of ours belongs to.
fn session_of(token: &str) -> Result<String> {
    let claims = token.split('.').nth(1).and_then(|claims| URL_SAFE_NO_PAD.decode(claims).ok());
    let claims: Value = claims.and_then(|claims| serde_json::from_slice(&claims).ok()).unwrap_or_default();
    claims["sid"].as_str().map(str::to_owned).ok_or_else(|| Error::new("a token without a session"))
}
