//! Sign-in and refresh.

use std::cell::RefCell;

use stack::Result;

use super::routines::{invoking, primitive};
use crate::comparison::{Budget, Routine, Sample};
use crate::driver::RunningProgram;
use crate::event::Request;
use crate::fixture::{BOOKS, Fixture};
use crate::results::Results;
use crate::users::{self, Tokens, login, refresh, sign_in};

const GROUP: &str = "auth";

/// The cost of the password hashes of both sides.
const COST: u32 = 12;

pub(super) async fn run(fixture: &Fixture, budget: Budget, results: &mut Results) -> Result<()> {
    let floor = fixture.floor().start()?;
    let auth = fixture.function("auth", BOOKS)?.start()?;
    let peer = fixture.peer(BOOKS).start()?;
    for running in [&auth, &peer] {
        users::register(running, "reader")?;
    }
    let subjects = vec![
        ("bcrypt", primitive(|| fixture.primitives.bcrypt(COST))),
        ("us", invoking(&auth, login("reader"), 200)),
        ("peer", invoking(&peer, login("reader"), 200)),
    ];
    results.add(budget.for_slow(40).compare(GROUP, "login", subjects).await?);
    let subjects = vec![
        ("floor", invoking(&floor, Request::get("/"), 200)),
        ("us", refreshing(&auth, sign_in(&auth, "reader")?)),
        ("peer", refreshing(&peer, sign_in(&peer, "reader")?)),
    ];
    results.add(budget.compare(GROUP, "refresh", subjects).await?);
    for (subject, running) in [("us", &auth), ("peer", &peer)] {
        results.add_peak_memory(GROUP, subject, running);
    }
    Ok(())
}

/// Refreshes the session each time, with the token from the refresh before.
fn refreshing(running: &RunningProgram, tokens: Tokens) -> Routine<'_> {
    let token = RefCell::new(tokens.refresh);
    Box::new(move || {
        let response = running.invoke(&refresh(&token.borrow()))?;
        let sample = Sample::of(&response, 200)?;
        *token.borrow_mut() = Tokens::read(&response.body)?.refresh;
        Ok(sample)
    })
}
