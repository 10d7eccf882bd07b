//! Books on a warm function: lists, items, writes.

use std::cell::Cell;

use serde_json::json;

use super::{
    asked::{commands_of, statements_of},
    bare, invoking, uncached,
};
use crate::{
    Results,
    contest::{Effort, Probe, Sample},
    driver::{Subject, echo},
    event::Request,
    fixture::{BOOKS, Fixture},
    users,
};
use stack::Result;

const GROUP: &str = "books";

pub(super) async fn run(fixture: &Fixture, effort: Effort, results: &mut Results) -> Result<()> {
    let ours = fixture.function("books", BOOKS)?;
    let floor = fixture.floor().start()?;
    let (books, peer) = (ours.start()?, fixture.peer(BOOKS).start()?);
    let mut driver = echo()?;
    let bare_ping = || bare(|| fixture.bare.ping(fixture.redis()));
    let contestants = vec![
        ("driver", bare(&mut driver)),
        ("floor", invoking(&floor, Request::get("/books"), 200)),
        ("ping", bare_ping()),
        ("socket ping", bare(|| fixture.bare.socket_ping(fixture.redis()))),
    ];
    results.add(effort.run(GROUP, "nothing", contestants).await?);
    let list = Request::get("/books");
    let commands = commands_of(fixture, &ours, &list).await?;
    let contestants = vec![
        ("floor", invoking(&floor, list.clone(), 200)),
        ("ping", bare_ping()),
        ("commands", bare(|| fixture.bare.commands(fixture.redis(), &commands))),
        ("us", invoking(&books, list.clone(), 200)),
        ("peer", invoking(&peer, list.clone(), 200)),
    ];
    results.add(effort.run(GROUP, "cached list", contestants).await?);
    for (name, request) in [("uncached list", list), ("item", Request::get("/books/4711"))] {
        let sql = statements_of(fixture, &ours, &request).await?;
        let url = fixture.postgres(BOOKS);
        let contestants = vec![
            ("floor", invoking(&floor, request.clone(), 200)),
            ("sql", bare(|| fixture.bare.query(&url, &sql))),
            ("us", uncached(fixture, &books, request.clone())),
            ("peer", uncached(fixture, &peer, request)),
        ];
        results.add(effort.run(GROUP, name, contestants).await?);
    }
    writes(fixture, effort, (&floor, &books, &peer), results).await?;
    for (who, subject) in [("floor", &floor), ("us", &books), ("peer", &peer)] {
        results.note_memory(GROUP, who, subject);
    }
    Ok(())
}

async fn writes(
    fixture: &Fixture,
    effort: Effort,
    (floor, books, peer): (&Subject, &Subject, &Subject),
    results: &mut Results,
) -> Result<()> {
    let auth = fixture.function("auth", BOOKS)?.start()?;
    for subject in [&auth, peer] {
        users::register(subject, "writer")?;
    }
    // Longer than an access token lives it must not take.
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
        let ours: Probe<'_> = Box::new(|| Sample::of(&books.invoke(&write(&our_token))?, status));
        let theirs: Probe<'_> = Box::new(|| Sample::of(&peer.invoke(&write(&their_token))?, status));
        let contestants =
            vec![("floor", invoking(floor, write("none"), 200)), ("us", ours), ("peer", theirs)];
        results.add(effort.run(GROUP, name, contestants).await?);
    }
    Ok(())
}
