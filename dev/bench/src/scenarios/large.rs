//! Lists of books as their number grows.

use serde_json::Value;
use stack::Result;

use super::captured::captured_statements;
use super::routines::{primitive, uncached};
use crate::comparison::{Budget, Subjects};
use crate::driver::RunningProgram;
use crate::event::Request;
use crate::fixture::{BOOKS, Fixture};
use crate::list_queries::ListQueries;
use crate::results::Results;

const GROUP: &str = "large";

pub(super) async fn run(fixture: &Fixture, budget: Budget, quick: bool, results: &mut Results) -> Result<()> {
    let sizes: &[u32] = if quick { &[BOOKS, 100_000] } else { &[BOOKS, 100_000, 1_000_000] };
    for &size in sizes {
        if size != BOOKS {
            fixture.create_databases(size).await?;
        }
        run_size(fixture, budget.for_slow(100), size, results).await?;
    }
    Ok(())
}

async fn run_size(fixture: &Fixture, budget: Budget, size: u32, results: &mut Results) -> Result<()> {
    let program = fixture.function("books", size)?;
    let (books, peer) = (program.start()?, fixture.peer(size).start()?);
    let url = fixture.postgres(size);
    let [deep, cursor] = deep_pages(&books, size)?;
    // The searches find one book, an eighth of all books, and one in five thousand.
    let queries = ListQueries::new(size);
    let pages = [
        ("first page", "/books".to_owned(), true),
        ("deep page by number", deep.clone(), true),
        ("deep page by cursor", cursor, false),
        ("title search, one match", format!("/books?title_contains={}", queries.rare_title), true),
        ("title search, an eighth", "/books?title_contains=darkness".to_owned(), true),
        ("author", "/books?author=author+4711".to_owned(), true),
        ("by title", "/books?sort_by=title".to_owned(), true),
        ("by author", "/books?sort_by=author".to_owned(), true),
        ("by year, descending", "/books?sort_by=year:desc".to_owned(), true),
    ];
    for (name, target, peer_can) in pages {
        let request = Request::get(target);
        let sql = captured_statements(fixture, &program, &request).await?;
        let mut subjects: Subjects<'_> = vec![
            ("sql", primitive(|| fixture.primitives.query(&url, &sql))),
            ("us", uncached(fixture, &books, request.clone())),
        ];
        if name == "first page" {
            subjects.push(("page alone", primitive(|| fixture.primitives.query(&url, &queries.page))));
        }
        if name == "deep page by cursor" {
            subjects.push(("us, first page", uncached(fixture, &books, Request::get("/books"))));
        }
        if name == "title search, one match" {
            subjects.push(("index probe", primitive(|| fixture.primitives.query(&url, &queries.search))));
        }
        // The peer has no cursors, so it reads the same page by number.
        let theirs = if peer_can { request } else { Request::get(deep.clone()) };
        subjects.push(("peer", uncached(fixture, &peer, theirs)));
        results.add(budget.compare(GROUP, format!("{name} of {size}"), subjects).await?);
    }
    Ok(())
}

/// The URLs of the page after nine tenths of the list: by number, and by the cursor of the page before it.
fn deep_pages(books: &RunningProgram, size: u32) -> Result<[String; 2]> {
    let page = size / 10 * 9 / 10;
    let before = tokio::task::block_in_place(|| books.invoke(&Request::get(format!("/books?page={page}"))))?;
    let before: Value = serde_json::from_str(&before.body).unwrap_or_default();
    let cursor = before["next_cursor"].as_str().unwrap_or_default();
    Ok([format!("/books?page={}", page + 1), format!("/books?cursor={cursor}")])
}
