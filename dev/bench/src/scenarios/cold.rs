//! From the start of a process to its first answer. What Lambda does before it starts one is the same for all.

use crate::{
    Results,
    contest::{Effort, Probe, Sample},
    driver::{Program, Subject},
    event::Request,
    fixture::{BOOKS, Fixture},
    users::{self, login},
};
use stack::Result;

const GROUP: &str = "cold";

pub(super) async fn run(fixture: &Fixture, effort: Effort, results: &mut Results) -> Result<()> {
    let (effort, floor) = (effort.few(40), fixture.floor());
    let [books, auth, demo] = [
        fixture.function("books", BOOKS)?,
        fixture.function("auth", BOOKS)?,
        fixture.function("rl-demo", BOOKS)?,
    ];
    let peer = fixture.peer(BOOKS);
    let [warm_books, warm_auth, warm_peer] = [books.start()?, auth.start()?, peer.start()?];
    let list = Request::get("/books");
    let contestants = vec![
        ("floor", starting(&floor, list.clone(), None)),
        ("us", starting(&books, list.clone(), Some(&warm_books))),
        ("peer", starting(&peer, list, Some(&warm_peer))),
    ];
    results.add(effort.run(GROUP, "cached list", contestants).await?);
    for subject in [&warm_auth, &warm_peer] {
        users::register(subject, "early-bird")?;
    }
    for (name, program, request) in
        [("login", &auth, login("early-bird")), ("ping", &demo, Request::get("/rl-demo/ping"))]
    {
        let contestants = vec![
            ("floor", starting(&floor, request.clone(), None)),
            ("us", starting(program, request.clone(), None)),
            ("peer", starting(&peer, request, None)),
        ];
        results.add(effort.run(GROUP, name, contestants).await?);
    }
    Ok(())
}

/// A new process each time. `warm` answers the same request before it, so that the answer is in the cache.
fn starting<'a>(program: &'a Program, request: Request, warm: Option<&'a Subject>) -> Probe<'a> {
    Box::new(move || {
        if let Some(warm) = warm {
            warm.invoke(&request)?;
        }
        Sample::of(&program.cold(&request)?, 200)
    })
}
