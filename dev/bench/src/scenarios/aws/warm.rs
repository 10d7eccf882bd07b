//! Every route on a warm function, whose connections are open.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use stack::{Context as _, Error, Result};
use testkit::connect;

use super::routes::{Asked, ROUTES, Route};
use super::{Conditions, GROUP};
use crate::comparison::{Budget, Routine, Sample, Subjects};
use crate::driver::RunningProgram;
use crate::event::Request;
use crate::fixture::{BOOKS, Fixture};
use crate::results::Results;
use crate::users::{self, Tokens};

const FUNCTIONS: [&str; 5] = ["books", "auth", "rl-demo", "bf-demo", "system"];

pub(super) async fn run(conditions: &Conditions<'_>, budget: Budget, results: &mut Results) -> Result<()> {
    let fixture = conditions.fixture;
    let floor = conditions.floor().start()?;
    let ours = FUNCTIONS.map(|name| Ok((name, conditions.function(name)?.start()?)));
    let ours = Environments::Several(ours.into_iter().collect::<Result<_>>()?);
    let theirs = Environments::One(conditions.peer().start()?);
    let (us, peer) = (
        Side::new(fixture, ours, fixture.function("auth", BOOKS)?.start()?)?,
        Side::new(fixture, theirs, fixture.peer(BOOKS).start()?)?,
    );
    for url in [fixture.postgres(BOOKS), fixture.peer_postgres(BOOKS)] {
        let sql = format!("update users set role = 'admin' where username = '{ADMIN}'");
        connect(&url).await.batch_execute(&sql).await.context("make an administrator")?;
    }
    for route in &ROUTES {
        // Access tokens expire, and some routes end sessions.
        us.sign_in()?;
        peer.sign_in()?;
        let hello = Request::get("/");
        let mut subjects: Subjects<'_> =
            vec![("floor", Box::new(|| Sample::of(&floor.invoke(&hello)?, 200))), ("us", asking(route, &us))];
        if route.asked == Asked::Both {
            subjects.push(("peer", asking(route, &peer)));
        }
        let budget = if route.hashes { budget.for_slow(20) } else { budget.of_rounds(300) };
        results.add(budget.compare(GROUP, route.name, subjects).await?);
    }
    Ok(())
}

/// Sends one request to the route each time.
fn asking<'a>(route: &'a Route, side: &'a Side<'a>) -> Routine<'a> {
    Box::new(move || {
        let request = (route.request)(side)?;
        let invocation = side.environments.of(route.function)?.invoke(&request)?;
        if route.name == "refresh" {
            side.tokens.replace(Tokens::read(&invocation.body)?);
        }
        Sample::of(&invocation, route.status)
    })
}

const USER: &str = "regular";
const ADMIN: &str = "chief";

/// The environments that answer the routes: one for each function of ours, and one for all of the peer.
enum Environments {
    Several(HashMap<&'static str, RunningProgram>),
    One(RunningProgram),
}

impl Environments {
    fn of(&self, function: &str) -> Result<&RunningProgram> {
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
    environments: Environments,
    /// Signs in without the conditions of AWS, which is faster.
    helper: RunningProgram,
    tokens: RefCell<Tokens>,
    admin: RefCell<Tokens>,
    number: Cell<u32>,
}

impl<'a> Side<'a> {
    fn new(fixture: &'a Fixture, environments: Environments, helper: RunningProgram) -> Result<Self> {
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
