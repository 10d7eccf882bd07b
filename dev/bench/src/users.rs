//! Registration and sign-in, at the functions and at the peer.

use serde_json::{Value, json};
use stack::{Error, Result};

use crate::driver::RunningProgram;
use crate::event::Request;

pub(super) const PASSWORD: &str = "correct horse battery staple";

/// The tokens of a session.
pub(super) struct Tokens {
    pub(super) access: String,
    pub(super) refresh: String,
}

/// The request that signs `name` in.
pub(super) fn login(name: &str) -> Request {
    let password = PASSWORD.replace(' ', "+");
    Request::form("/auth/login", format!("grant_type=password&username={name}&password={password}"))
}

/// The request that refreshes a session.
pub(super) fn refresh(token: &str) -> Request {
    Request::json("POST", "/auth/refresh", &json!({"refresh_token": token}))
}

/// The request that registers `name`.
pub(super) fn registration(name: &str) -> Request {
    Request::json("POST", "/auth/register", &json!({"username": name, "password": PASSWORD}))
}

/// Registers `name`.
pub(super) fn register(auth: &RunningProgram, name: &str) -> Result<()> {
    let answer = auth.invoke(&registration(name))?;
    if answer.status == 201 { Ok(()) } else { Err(Error::new(format!("register {name}: {}", answer.body))) }
}

/// Signs `name` in.
pub(super) fn sign_in(auth: &RunningProgram, name: &str) -> Result<Tokens> {
    Tokens::read(&auth.invoke(&login(name))?.body)
}

impl Tokens {
    /// Reads the body of a response to a sign-in or a refresh.
    pub(super) fn read(body: &str) -> Result<Self> {
        let answer: Value = serde_json::from_str(body).unwrap_or_default();
        let token = |name: &str| answer[name].as_str().map(str::to_owned);
        let tokens = token("access_token").zip(token("refresh_token"));
        let (access, refresh) = tokens.ok_or_else(|| Error::new(format!("no tokens: {body}")))?;
        Ok(Self { access, refresh })
    }
}
