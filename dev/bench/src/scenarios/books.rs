//! Books on a warm function: lists, items, writes.

use std::cell::Cell;

use serde_json::json;

use super::{
    asked::{commands_of, statements_of},
    bare, invoking, uncached,
};
use crate::{
    Result,
    bench::{
        Results,
        contest::{Effort, Probe, Sample},
        driver::{Subject, echo},
        event::Request,
        ground::{BOOKS, Ground},
        people,
    },
};

const GROUP: &str = "books";

pub(super) async fn run(ground: &Ground, effort: Effort, results: &mut Results) -> Result<()> {
    let ours = ground.function("books", BOOKS)?;
    let floor = ground.floor().start()?;
    let (books, peer) = (ours.start()?, ground.peer(BOOKS).start()?);
    let mut driver = echo()?;
    let bare_ping = || bare(|| ground.bare.ping(ground.redis()));
    let contestants = vec![
        ("driver", bare(&mut driver)),
        ("floor", invoking(&floor, Request::get("/books"), 200)),
        ("ping", bare_ping()),
        ("socket ping", bare(|| ground.bare.socket_ping(ground.redis()))),
    ];
    results.add(effort.run(GROUP, "nothing", contestants).await?);
    let list = Request::get("/books");
    let commands = commands_of(ground, &ours, &list).await?;
    let contestants = vec![
        ("floor", invoking(&floor, list.clone(), 200)),
        ("ping", bare_ping()),
        ("commands", bare(|| ground.bare.commands(ground.redis(), &commands))),
        ("us", invoking(&books, list.clone(), 200)),
        ("peer", invoking(&peer, list.clone(), 200)),
    ];
    results.add(effort.run(GROUP, "cached list", contestants).await?);
    for (name, request) in [("uncached list", list), ("item", Request::get("/books/4711"))] {
        let sql = statements_of(ground, &ours, &request).await?;
        let url = ground.postgres(BOOKS);
        let contestants = vec![
            ("floor", invoking(&floor, request.clone(), 200)),
            ("sql", bare(|| ground.bare.query(&url, &sql))),
            ("us", uncached(ground, &books, request.clone())),
            ("peer", uncached(ground, &peer, request)),
        ];
        results.add(effort.run(GROUP, name, contestants).await?);
    }
    writes(ground, effort, (&floor, &books, &peer), results).await?;
    for (who, subject) in [("floor", &floor), ("us", &books), ("peer", &peer)] {
        results.note_memory(GROUP, who, subject);
    }
    Ok(())
}

async fn writes(
    ground: &Ground,
    effort: Effort,
    (floor, books, peer): (&Subject, &Subject, &Subject),
    results: &mut Results,
) -> Result<()> {
    let auth = ground.function("auth", BOOKS)?.start()?;
    for subject in [&auth, peer] {
        people::register(subject, "writer")?;
    }
    // Longer than an access token lives it must not take.
    let tokens = || Ok([people::sign_in(&auth, "writer")?.access, people::sign_in(peer, "writer")?.access]);
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
