//! Signing in and staying signed in.

use std::cell::RefCell;

use super::{bare, invoking};
use crate::{
    Results,
    contest::{Effort, Probe, Sample},
    driver::Subject,
    event::Request,
    fixture::{BOOKS, Fixture},
    users::{self, Tokens, login, refresh, sign_in},
};
use stack::Result;

const GROUP: &str = "auth";

/// The cost that both sides hash with.
const COST: u32 = 12;

pub(super) async fn run(fixture: &Fixture, effort: Effort, results: &mut Results) -> Result<()> {
    let floor = fixture.floor().start()?;
    let auth = fixture.function("auth", BOOKS)?.start()?;
    let peer = fixture.peer(BOOKS).start()?;
    for subject in [&auth, &peer] {
        users::register(subject, "reader")?;
    }
    let contestants = vec![
        ("bcrypt", bare(|| fixture.bare.bcrypt(COST))),
        ("us", invoking(&auth, login("reader"), 200)),
        ("peer", invoking(&peer, login("reader"), 200)),
    ];
    results.add(effort.few(40).run(GROUP, "login", contestants).await?);
    let contestants = vec![
        ("floor", invoking(&floor, Request::get("/"), 200)),
        ("us", refreshing(&auth, sign_in(&auth, "reader")?)),
        ("peer", refreshing(&peer, sign_in(&peer, "reader")?)),
    ];
    results.add(effort.run(GROUP, "refresh", contestants).await?);
    for (who, subject) in [("us", &auth), ("peer", &peer)] {
        results.note_memory(GROUP, who, subject);
    }
    Ok(())
}

/// Each refresh with the token that the one before it gave.
fn refreshing(subject: &Subject, tokens: Tokens) -> Probe<'_> {
    let token = RefCell::new(tokens.refresh);
    Box::new(move || {
        let answer = subject.invoke(&refresh(&token.borrow()))?;
        let sample = Sample::of(&answer, 200)?;
        *token.borrow_mut() = Tokens::read(&answer.body)?.refresh;
        Ok(sample)
    })
}
