//! Ours or the peer: the environments that answer, and the sessions and names that requests need.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use stack::{Error, Result};

use crate::driver::RunningProgram;
use crate::event::Request;
use crate::fixture::Fixture;
use crate::users::{self, Tokens};

const USER: &str = "regular";
pub(super) const ADMIN: &str = "chief";

/// The environments that answer the routes: one for each function of ours, and one for all of the peer.
pub(super) enum Environments {
    Several(HashMap<&'static str, RunningProgram>),
    One(RunningProgram),
}

impl Environments {
    pub(super) fn of(&self, function: &str) -> Result<&RunningProgram> {
        match self {
            Self::Several(all) => {
                all.get(function).ok_or_else(|| Error::new(format!("{function} was not started")))
            }
            Self::One(environment) => Ok(environment),
        }
    }
}

/// Ours or the peer, with what requests need.
pub(super) struct Side<'a> {
    fixture: &'a Fixture,
    pub(super) environments: Environments,
    /// Signs in without the conditions of AWS, which is faster.
    helper: RunningProgram,
    /// The session of the user. Each refresh replaces them.
    pub(super) tokens: RefCell<Tokens>,
    admin: RefCell<Tokens>,
    number: Cell<u32>,
}

impl<'a> Side<'a> {
    pub(super) fn new(
        fixture: &'a Fixture,
        environments: Environments,
        helper: RunningProgram,
    ) -> Result<Self> {
        for name in [USER, ADMIN] {
            users::register(&helper, name)?;
        }
        let [tokens, admin] = [USER, ADMIN].map(|name| users::sign_in(&helper, name).map(RefCell::new));
        Ok(Self { fixture, environments, helper, tokens: tokens?, admin: admin?, number: Cell::new(0) })
    }

    /// Begins new sessions of the user and the administrator.
    pub(super) fn sign_in(&self) -> Result<()> {
        self.tokens.replace(users::sign_in(&self.helper, USER)?);
        self.admin.replace(users::sign_in(&self.helper, ADMIN)?);
        Ok(())
    }

    /// Begins a session for one request.
    pub(super) fn new_session(&self) -> Result<Tokens> {
        users::sign_in(&self.helper, USER)
    }

    /// Registers a user for one request and begins a session.
    pub(super) fn new_user(&self) -> Result<Tokens> {
        let name = self.unique("passing");
        users::register(&self.helper, &name)?;
        users::sign_in(&self.helper, &name)
    }

    pub(super) fn access(&self) -> String {
        self.tokens.borrow().access.clone()
    }

    pub(super) fn refresh(&self) -> String {
        self.tokens.borrow().refresh.clone()
    }

    pub(super) fn admin(&self) -> String {
        self.admin.borrow().access.clone()
    }

    /// A name that is used once.
    pub(super) fn unique(&self, prefix: &str) -> String {
        format!("{prefix}-{}", self.number())
    }

    /// A number that is used once.
    pub(super) fn number(&self) -> u32 {
        self.number.set(self.number.get() + 1);
        self.number.get()
    }

    pub(super) fn empty_cache(&self) -> Result<()> {
        self.fixture.flush()
    }

    /// Sends another request first, and returns the body of its answer.
    pub(super) fn before(&self, function: &str, request: &Request) -> Result<String> {
        Ok(self.environments.of(function)?.invoke(request)?.body)
    }
}
