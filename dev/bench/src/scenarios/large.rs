//! The list of books as it grows.

use serde_json::Value;

use super::{asked::statements_of, bare, uncached};
use crate::{
    Results,
    contest::{Contestants, Effort},
    driver::Subject,
    event::Request,
    fixture::{BOOKS, Fixture},
    probes::Probe,
};
use stack::Result;

const GROUP: &str = "large";

pub(super) async fn run(fixture: &Fixture, effort: Effort, quick: bool, results: &mut Results) -> Result<()> {
    let sizes: &[u32] = if quick { &[BOOKS, 100_000] } else { &[BOOKS, 100_000, 1_000_000] };
    for &size in sizes {
        if size != BOOKS {
            fixture.fill(size).await?;
        }
        of_size(fixture, effort.few(100), size, results).await?;
    }
    Ok(())
}

async fn of_size(fixture: &Fixture, effort: Effort, size: u32, results: &mut Results) -> Result<()> {
    let program = fixture.function("books", size)?;
    let (books, peer) = (program.start()?, fixture.peer(size).start()?);
    let url = fixture.postgres(size);
    let [deep, cursor] = deep_pages(&books, size)?;
    // What is looked for, and by how many books it is found: one, an eighth, a five-thousandth.
    let probe = Probe::new(size);
    let pages = [
        ("first page", "/books".to_owned(), true),
        ("deep page by number", deep.clone(), true),
        ("deep page by cursor", cursor, false),
        ("title search, one match", format!("/books?title_contains={}", probe.rare), true),
        ("title search, an eighth", "/books?title_contains=darkness".to_owned(), true),
        ("author", "/books?author=author+4711".to_owned(), true),
        ("by title", "/books?sort_by=title".to_owned(), true),
        ("by author", "/books?sort_by=author".to_owned(), true),
        ("by year, descending", "/books?sort_by=year:desc".to_owned(), true),
    ];
    for (name, target, peer_can) in pages {
        let request = Request::get(target);
        let sql = statements_of(fixture, &program, &request).await?;
        let mut contestants: Contestants<'_> = vec![
            ("sql", bare(|| fixture.bare.query(&url, &sql))),
            ("us", uncached(fixture, &books, request.clone())),
        ];
        if name == "first page" {
            contestants.push(("page alone", bare(|| fixture.bare.query(&url, &probe.page))));
        }
        if name == "deep page by cursor" {
            contestants.push(("us, first page", uncached(fixture, &books, Request::get("/books"))));
        }
        if name == "title search, one match" {
            contestants.push(("index probe", bare(|| fixture.bare.query(&url, &probe.search))));
        }
        // The peer has no cursors: it gets there by number.
        let theirs = if peer_can { request } else { Request::get(deep.clone()) };
        contestants.push(("peer", uncached(fixture, &peer, theirs)));
        results.add(effort.run(GROUP, format!("{name} of {size}"), contestants).await?);
    }
    Ok(())
}

/// The page nine tenths down the list, by number and by the cursor of the page before it.
fn deep_pages(books: &Subject, size: u32) -> Result<[String; 2]> {
    let page = size / 10 * 9 / 10;
    let before = tokio::task::block_in_place(|| books.invoke(&Request::get(format!("/books?page={page}"))))?;
    let before: Value = serde_json::from_str(&before.body).unwrap_or_default();
    let cursor = before["next_cursor"].as_str().unwrap_or_default();
    Ok([format!("/books?page={}", page + 1), format!("/books?cursor={cursor}")])
}
