//! Books on a warm function: lists, single books and writes.

use std::cell::Cell;

use serde_json::json;
use stack::Result;

use super::captured::{captured_commands, captured_statements};
use super::routines::{invoking, primitive, uncached};
use crate::comparison::{Budget, Routine, Sample};
use crate::driver::RunningProgram;
use crate::event::Request;
use crate::fixture::{BOOKS, Fixture};
use crate::results::Results;
use crate::runtime_api::echo;
use crate::users;

const GROUP: &str = "books";

pub(super) async fn run(fixture: &Fixture, budget: Budget, results: &mut Results) -> Result<()> {
    let ours = fixture.function("books", BOOKS)?;
    let floor = fixture.floor().start()?;
    let (books, peer) = (ours.start()?, fixture.peer(BOOKS).start()?);
    let mut driver = echo()?;
    let ping = || primitive(|| fixture.primitives.ping(fixture.redis()));
    let subjects = vec![
        ("driver", primitive(&mut driver)),
        ("floor", invoking(&floor, Request::get("/books"), 200)),
        ("ping", ping()),
        ("socket ping", primitive(|| fixture.primitives.socket_ping(fixture.redis()))),
    ];
    results.add(budget.compare(GROUP, "nothing", subjects).await?);
    let list = Request::get("/books");
    let commands = captured_commands(fixture, &ours, &list).await?;
    let subjects = vec![
        ("floor", invoking(&floor, list.clone(), 200)),
        ("ping", ping()),
        ("commands", primitive(|| fixture.primitives.commands(fixture.redis(), &commands))),
        ("us", invoking(&books, list.clone(), 200)),
        ("peer", invoking(&peer, list.clone(), 200)),
    ];
    results.add(budget.compare(GROUP, "cached list", subjects).await?);
    for (name, request) in [("uncached list", list), ("item", Request::get("/books/4711"))] {
        let sql = captured_statements(fixture, &ours, &request).await?;
        let commands = captured_commands(fixture, &ours, &request).await?;
        let url = fixture.postgres(BOOKS);
        let stores = [fixture.redis(), url.as_str()];
        let mut subjects = vec![
            ("floor", invoking(&floor, request.clone(), 200)),
            ("sql", primitive(|| fixture.primitives.query(&url, &sql))),
            ("us", uncached(fixture, &books, request.clone())),
            ("peer", uncached(fixture, &peer, request)),
        ];
        if name == "item" {
            // An item is counted and looked up at the same time. A list is not: the cache is asked first.
            let both = || fixture.primitives.at_once(stores, &commands, &sql);
            subjects.insert(2, ("commands", primitive(both)));
        }
        results.add(budget.compare(GROUP, name, subjects).await?);
    }
    writes(fixture, budget, (&floor, &books, &peer), results).await?;
    for (subject, running) in [("floor", &floor), ("us", &books), ("peer", &peer)] {
        results.add_peak_memory(GROUP, subject, running);
    }
    Ok(())
}

async fn writes(
    fixture: &Fixture,
    budget: Budget,
    (floor, books, peer): (&RunningProgram, &RunningProgram, &RunningProgram),
    results: &mut Results,
) -> Result<()> {
    let auth = fixture.function("auth", BOOKS)?.start()?;
    for running in [&auth, peer] {
        users::register(running, "writer")?;
    }
    // A new token for each scenario, because an access token expires.
    let tokens = || Ok([users::sign_in(&auth, "writer")?.access, users::sign_in(peer, "writer")?.access]);
    let book = json!({"title": "The Telling", "author": "Ursula K. Le Guin", "year": 2000});
    for (name, method, target, status) in
        [("create", "POST", "/books", 201), ("update", "PUT", "/books/4711", 200)]
    {
        let count = Cell::new(2000);
        let write = |token: &str| {
            count.set(count.get() % 2100 + 1);
            let mut book = book.clone();
            book["year"] = count.get().into();
            Request::json(method, target, &book).bearer(token)
        };
        let [our_token, their_token]: [String; 2] = tokens()?;
        let ours: Routine<'_> = Box::new(|| Sample::of(&books.invoke(&write(&our_token))?, status));
        let theirs: Routine<'_> = Box::new(|| Sample::of(&peer.invoke(&write(&their_token))?, status));
        let subjects = vec![("floor", invoking(floor, write("none"), 200)), ("us", ours), ("peer", theirs)];
        results.add(budget.compare(GROUP, name, subjects).await?);
    }
    Ok(())
}
