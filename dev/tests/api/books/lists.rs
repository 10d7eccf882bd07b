//! Lists of books: filters, sort orders, pages and cursors, compared with a reference implementation in plain Rust.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use testkit::users::{sign_up, sign_up_as};
use testkit::{Client, MOST_HEADER_BYTES, Response, TestContext, header_bytes};

use super::books;
use super::items::{create, list};
use crate::support::responses::{assert_invalid, assert_problem};

fn ids(page: &Response) -> Vec<i64> {
    page.json()["items"].as_array().unwrap().iter().map(|book| book["id"].as_i64().unwrap()).collect()
}

/// A book, for the reference implementations.
#[derive(Clone)]
struct Book {
    id: i64,
    title: String,
    author: String,
    year: Option<i32>,
}

/// Inserts books by SQL, with ids from 1.
async fn fill(
    context: &TestContext,
    books: impl Iterator<Item = (String, String, Option<i32>)>,
) -> Vec<Book> {
    let (mut inserted, mut columns) = (Vec::new(), (Vec::new(), Vec::new(), Vec::new()));
    for (id, (title, author, year)) in (1..).zip(books) {
        columns.0.push(title.clone());
        columns.1.push(author.clone());
        columns.2.push(year);
        inserted.push(Book { id, title, author, year });
    }
    let sql = "insert into books (title, author, year)
        select * from unnest($1::text[], $2::text[], $3::integer[])";
    context.database().await.execute(sql, &[&columns.0, &columns.1, &columns.2]).await.unwrap();
    inserted
}

/// Books whose sort values repeat: 10 authors, some years missing.
fn sample_books(count: i32) -> impl Iterator<Item = (String, String, Option<i32>)> {
    (1..=count).map(|n| {
        let year = (n % 7 != 0).then_some(1900 + n % 100);
        // Upper and lower case, so that the order of code points shows.
        let title = format!("{} {}", if n % 3 == 0 { "The" } else { "a" }, n * 7919 % 5003);
        (title, format!("Author {}", n % 10), year)
    })
}

/// The ids in the order of `sort_by`: the reference implementation.
fn sorted(mut books: Vec<Book>, sort_by: &str) -> Vec<i64> {
    let missing_last = |book: &Book| (book.year.is_none(), book.year);
    let compare = |a: &Book, b: &Book, part: &str| {
        let (column, direction) = part.split_once(':').unwrap_or((part, "asc"));
        let ordering = match column {
            "id" => a.id.cmp(&b.id),
            "title" => a.title.cmp(&b.title),
            "author" => a.author.cmp(&b.author),
            _ => missing_last(a).cmp(&missing_last(b)),
        };
        if direction == "desc" { ordering.reverse() } else { ordering }
    };
    let last = sort_by.rsplit_once(':').map_or("asc", |(_, direction)| direction);
    books.sort_by(|a, b| {
        let parts = sort_by.split(',').map(|part| compare(a, b, part));
        parts.chain([compare(a, b, &format!("id:{last}"))]).find(|it| it.is_ne()).unwrap_or(Ordering::Equal)
    });
    books.iter().map(|book| book.id).collect()
}

/// The ids of all pages, following `next_cursor` from the first page.
async fn ids_by_cursor(books: &Client, query: &str) -> Vec<i64> {
    let (mut seen, mut at) = (Vec::new(), String::new());
    for number in 1.. {
        let page = list(books, &format!("{query}{at}")).await;
        assert_eq!(page.status, 200, "{}", page.text());
        assert_eq!(page.json()["page"], number);
        seen.extend(ids(&page));
        match &page.json()["next_cursor"] {
            Value::String(cursor) => at = format!("&cursor={cursor}"),
            _ => break,
        }
    }
    seen
}

const ORDERS: [&str; 11] = [
    "id",
    "id:desc",
    "title",
    "title:desc",
    "author",
    "author:desc",
    "year",
    "year:desc",
    "author:desc,title",
    "year,author:desc",
    "author,year:desc,title:desc",
];

#[tokio::test]
async fn paging_through_ten_thousand_books_in_any_order_returns_each_once() {
    let context = TestContext::new().await;
    let stored = fill(&context, sample_books(10_000)).await;
    let books = books(&context);
    for sort_by in ORDERS {
        let expected = sorted(stored.clone(), sort_by);
        let query = format!("sort_by={sort_by}&page_size=100");
        assert!(ids_by_cursor(&books, &query).await == expected, "by cursor: {sort_by}");
        let mut by_number = Vec::new();
        for page in 1..=100 {
            let page = list(&books, &format!("{query}&page={page}")).await;
            assert_eq!(page.json()["total"], 10_000);
            by_number.extend(ids(&page));
        }
        assert!(by_number == expected, "by number: {sort_by}");
    }
}

#[tokio::test]
async fn paging_by_cursor_is_not_disturbed_by_concurrent_writes() {
    let context = TestContext::new().await;
    let root = sign_up_as(&context, "root", "admin").await;
    fill(&context, sample_books(300)).await;
    let books = books(&context);
    for sort_by in ["title", "year:desc", "author:desc,year"] {
        let all = |page: Response| page.json()["items"].as_array().unwrap().clone();
        let before: BTreeSet<i64> = ids_by_cursor(&books, "page_size=100").await.into_iter().collect();
        let (mut seen, mut deleted, mut at) = (Vec::new(), BTreeSet::new(), String::new());
        loop {
            let page = list(&books, &format!("sort_by={sort_by}&page_size=20{at}")).await;
            let next = page.json()["next_cursor"].clone();
            let items = all(page);
            seen.extend(items.iter().map(|book| book["id"].as_i64().unwrap()));
            let Value::String(cursor) = next else { break };
            at = format!("&cursor={cursor}");
            // The book at which the cursor points is deleted, and so is the first of the page. Others are inserted at
            // the front, on this page and at the end.
            for book in [items.last().unwrap(), &items[0]] {
                let path = format!("/books/{}", book["id"]);
                let deletion = books.from_new_network().delete(&path).bearer(&root.access).send().await;
                assert_eq!(deletion.status, 204);
                deleted.insert(book["id"].as_i64().unwrap());
            }
            for (title, author, year) in [("!", "!", json!(0)), ("~", "~", json!(null))] {
                let book = json!({"title": title, "author": author, "year": year});
                assert_eq!(create(&books, &root.access, book).await.status, 201);
            }
            let middle =
                json!({"title": items[9]["title"], "author": items[9]["author"], "year": items[9]["year"]});
            assert_eq!(create(&books, &root.access, middle).await.status, 201);
        }
        let seen_ids: BTreeSet<i64> = seen.iter().copied().collect();
        assert_eq!(seen_ids.len(), seen.len(), "{sort_by}: returned twice");
        assert!(seen_ids.is_superset(&before), "{sort_by}: {:?} missing", before.difference(&seen_ids));
        assert!(deleted.len() > 20);
    }
}

#[tokio::test]
async fn a_cursor_is_valid_only_for_its_own_list() {
    let context = TestContext::new().await;
    fill(&context, sample_books(30)).await;
    let books = books(&context);
    let first = list(&books, "sort_by=title&author=author+1&page_size=1").await.json();
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = list(
        &books,
        &format!("sort_dir=asc&page_size=2&author=author+1&sort_by=title:asc,id&cursor={cursor}"),
    )
    .await;
    assert_eq!(
        (second.status, ids(&second).len(), second.json()["page"].clone()),
        (200, 2, json!(2)),
        "{}",
        second.text()
    );
    assert_eq!(second.json()["next_cursor"], Value::Null);
    for other in [
        "",
        "sort_by=title",
        "sort_by=title&author=author+2",
        "sort_by=title&author=author+1&title_contains=",
        "sort_by=title:desc&author=author+1",
        "sort_by=title,author&author=author+1",
    ] {
        assert_invalid(&list(&books, &format!("{other}&cursor={cursor}")).await, &["cursor"]);
    }
    let reversed = cursor.chars().rev().collect::<String>();
    for forged in ["x", "AAAA", &cursor[1..], &reversed, &"A".repeat(2048), "%00", "", &"A".repeat(2049)] {
        let query = format!("sort_by=title&author=author+1&cursor={forged}");
        assert_invalid(&list(&books, &query).await, &["cursor"]);
    }
    assert_invalid(&list(&books, &format!("page=1&cursor={cursor}")).await, &["page"]);
    // Another environment accepts the cursor, since the key that protects it is in the database.
    let query = format!("sort_by=title&author=author+1&cursor={cursor}&page_size=3");
    assert_eq!(list(&super::books(&context), &query).await.status, 200);
}

/// The targets of the `Link` header of a page, by relation.
fn links(page: &Response) -> BTreeMap<String, String> {
    let links = page.header("link").unwrap().split(", ").map(|link| {
        let (target, relation) = link.strip_prefix('<').unwrap().split_once(">; rel=").unwrap();
        // The target is a query alone, without host and path.
        (relation.trim_matches('"').to_owned(), target.strip_prefix('?').unwrap().to_owned())
    });
    links.collect()
}

#[tokio::test]
async fn links_lead_to_the_other_pages_of_the_same_list() {
    let context = TestContext::new().await;
    fill(&context, sample_books(25)).await;
    let books = books(&context);
    let query = "title_contains=a&author=author+1&year_from=1900&year_to=2000&sort_by=author,title&sort_dir=desc&page_size=1";
    let all = ids(&list(&books, &query.replace("page_size=1", "page_size=9")).await);
    assert!(all.len() == 2, "{all:?}");
    let first = list(&books, query).await;
    let named = links(&first);
    assert_eq!(named.keys().collect::<Vec<_>>(), ["first", "last", "next"]);
    assert_eq!(ids(&list(&books, &named["first"]).await), all[..1]);
    assert_eq!(ids(&list(&books, &named["last"]).await), all[1..]);
    let second = list(&books, &named["next"]).await;
    assert_eq!(ids(&second), all[1..]);
    assert_eq!(links(&second).keys().collect::<Vec<_>>(), ["first", "last"]);
    assert_eq!(links(&second)["first"], named["first"]);
    // The cached page has the same links.
    assert_eq!(list(&books, query).await.header("link"), first.header("link"));
    for (at, before) in [("page=2", &all[..1]), ("page=3", &all[1..]), ("page=99", &all[1..])] {
        let named = links(&list(&books, &format!("{query}&{at}")).await);
        assert_eq!(ids(&list(&books, &named["prev"]).await), before, "{at}");
    }
    let nothing = list(&books, "author=nobody").await;
    assert_eq!(links(&nothing)["first"], links(&nothing)["last"]);
    assert_eq!(links(&nothing).len(), 2);
}

#[tokio::test]
async fn links_that_would_make_the_headers_too_large_are_left_out_the_next_page_last() {
    let context = TestContext::new().await;
    // Text takes up to twelve bytes a character in a URI. The last book has the longest title and author there are.
    let text = |length| "🦀".repeat(length);
    let stored = (1..=3).map(|_| (text(200), text(100), Some(2000)));
    fill(&context, stored).await;
    let books = books(&context);
    let sort = "sort_by=title:desc,author:desc,year:desc&page_size=1";
    for (title, author, expected) in [
        (1, 0, &["first", "last", "next", "prev"][..]),
        (100, 0, &["first", "next", "prev"]),
        (130, 0, &["first", "next"]),
        (200, 100, &["next"]),
    ] {
        let mut filter = form_urlencoded::Serializer::new(sort.to_owned());
        filter.append_pair("title_contains", &text(title)).append_pair("year_to", "2100");
        if author > 0 {
            filter.append_pair("author", &text(author));
        }
        let page = list(&books, &format!("{}&page=2", filter.finish())).await;
        assert_eq!(page.json()["total"], 3, "{}", page.text());
        let size = header_bytes(&page.raw);
        assert!(size <= MOST_HEADER_BYTES, "{title}: {size} bytes");
        let named = links(&page);
        assert_eq!(named.keys().collect::<Vec<_>>(), expected, "{title}");
        assert_eq!(ids(&list(&books, &named["next"]).await).len(), 1);
    }
}

#[tokio::test]
async fn filters_find_the_same_books_as_a_reference_implementation() {
    let context = TestContext::new().await;
    let pieces =
        ["%", "_", "\\", "'", "\"", "a", "A", "b", "é", "É", "🦀", " ", "e\u{301}", "%%", "ж", "Ж", "\\%"];
    let piece = |n: usize| pieces[n % pieces.len()];
    let stored = fill(
        &context,
        (0..400_usize).map(|n| {
            let title = format!("{}{}{}", piece(n), piece(n / 3), piece(n / 17));
            let year = (n % 5 != 0).then_some(i32::try_from(n * 37 % 2101).unwrap());
            (title, piece(n * 11).to_owned() + piece(n / 7), year)
        }),
    )
    .await;
    let books = books(&context);
    for n in 0..150_usize {
        let title =
            (n % 3 != 0).then(|| format!("{}{}", piece(n), if n % 2 == 0 { piece(n / 5) } else { "" }));
        let author = (n % 4 == 0).then(|| stored[n * 7 % stored.len()].author.to_uppercase());
        let from = (n % 5 == 1).then_some(i32::try_from(n * 13 % 2101).unwrap());
        let to = (n % 5 > 1 && n % 2 == 0).then_some(i32::try_from(n * 29 % 2101).unwrap());
        let expected: Vec<_> = stored
            .iter()
            .filter(|book| {
                let in_title = |part: &String| book.title.to_lowercase().contains(&part.to_lowercase());
                title.as_ref().is_none_or(in_title)
                    && author
                        .as_ref()
                        .is_none_or(|author| book.author.to_lowercase() == author.to_lowercase())
                    && from.is_none_or(|from| book.year.is_some_and(|year| year >= from))
                    && to.is_none_or(|to| book.year.is_some_and(|year| year <= to))
            })
            .map(|book| book.id)
            .collect();
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(title.map(|part| ("title_contains", part)));
        query.extend_pairs(author.map(|author| ("author", author)));
        query.extend_pairs(from.map(|year| ("year_from", year.to_string())));
        query.extend_pairs(to.map(|year| ("year_to", year.to_string())));
        let query = query.append_pair("page_size", "100").finish();
        assert_eq!(ids_by_cursor(&books, &query).await, expected, "{query}");
    }
}

#[tokio::test]
async fn a_number_is_accepted_only_within_its_range() {
    let context = TestContext::new().await;
    let books = books(&context);
    let ranges = [
        ("page", 1, i128::from(i64::MAX)),
        ("page_size", 1, 100),
        ("year_from", 0, 2100),
        ("year_to", 0, 2100),
    ];
    let mut edges = BTreeSet::from([-1_i128, 0, 1, 2, 99, 100, 101, 2099, 2100, 2101]);
    for bits in [7, 8, 15, 16, 31, 32, 53, 63, 64, 100] {
        let power = 1_i128 << bits;
        edges.extend([-power - 1, -power, 1 - power, power - 1, power, power + 1]);
    }
    for (name, least, greatest) in ranges {
        for edge in &edges {
            let response = list(&books, &format!("{name}={edge}")).await;
            if (least..=greatest).contains(edge) {
                assert_eq!(response.status, 200, "{name}={edge}: {}", response.text());
            } else {
                assert_invalid(&response, &[name]);
            }
        }
        for odd in
            ["1.0", "+1", "01", "1e1", "0x1", "%EF%BC%91", "%D9%A1", "NaN", "", "+", "1+", "1%00", "true"]
        {
            assert_invalid(&list(&books, &format!("{name}={odd}")).await, &[name]);
        }
    }
}

#[tokio::test]
async fn books_are_sorted_by_each_sort_key_in_order() {
    let context = TestContext::new().await;
    let database = context.database().await;
    let rows = [("b", "x", 1), ("a", "x", 2), ("a", "y", 3), ("c", "x", 2)];
    for (title, author, year) in rows {
        let sql = "insert into books (title, author, year) values ($1, $2, $3)";
        database.execute(sql, &[&title, &author, &year]).await.unwrap();
    }
    let books = books(&context);
    for (query, order) in [
        ("", [1, 2, 3, 4]),
        ("sort_by=title", [2, 3, 1, 4]),
        ("sort_by=title,author:desc", [3, 2, 1, 4]),
        ("sort_by=author:desc,year", [3, 1, 2, 4]),
        ("sort_by=year,title&sort_dir=desc", [3, 4, 2, 1]),
        ("sort_by=year:asc,title&sort_dir=desc", [1, 4, 2, 3]),
    ] {
        assert_eq!(ids(&list(&books, query).await), order, "{query}");
    }
}

#[tokio::test]
async fn filters_take_every_character_literally() {
    let context = TestContext::new().await;
    let (ada, books) = (sign_up(&context, "ada").await, books(&context));
    for (title, author, year) in [
        ("100% true", "Ann", json!(1990)),
        ("100 true", "ANN", json!(2000)),
        ("under_score", "Bob", json!(null)),
        ("underscore", "É", json!(2010)),
        ("back\\slash", "é", json!(0)),
        ("O'Reilly 🦀", "Ann Other", json!(2100)),
    ] {
        assert_eq!(
            create(&books, &ada.access, json!({"title": title, "author": author, "year": year})).await.status,
            201
        );
    }
    for (query, expected) in [
        ("title_contains=100%25", vec![1]),
        ("title_contains=r_s", vec![3]),
        ("title_contains=%5C", vec![5]),
        ("title_contains='", vec![6]),
        ("title_contains=%F0%9F%A6%80", vec![6]),
        ("title_contains=TRUE", vec![1, 2]),
        ("title_contains=", vec![1, 2, 3, 4, 5, 6]),
        ("author=ann", vec![1, 2]),
        ("author=%C3%A9", vec![4, 5]),
        ("author=", vec![]),
        ("author=Ann+Other", vec![6]),
        ("year_to=0", vec![5]),
        ("year_from=2000&year_to=2010", vec![2, 4]),
        ("year_from=2000&year_to=2000", vec![2]),
        ("author=ann&year_from=1995", vec![2]),
    ] {
        let page = list(&books, query).await;
        assert_eq!(page.status, 200, "{query}: {}", page.text());
        assert_eq!(ids(&page), expected, "{query}");
        assert_eq!(page.json()["total"], expected.len(), "{query}");
    }
}

#[tokio::test]
async fn an_invalid_query_is_refused_with_the_names_of_its_parameters() {
    let context = TestContext::new().await;
    let books = books(&context);
    for (query, fields) in [
        ("page=0", vec!["page"]),
        ("page=", vec!["page"]),
        ("page=1.5&page_size=101", vec!["page", "page_size"]),
        ("page_size=0&year_from=2101&year_to=-1", vec!["page_size", "year_from", "year_to"]),
        ("year_from=2001&year_to=2000", vec!["year_from", "year_to"]),
        ("page=1&page=2", vec!["page"]),
        ("sort_by=password", vec!["sort_by"]),
        ("sort_by=title;drop", vec!["sort_by"]),
        ("sort_by=", vec!["sort_by"]),
        ("sort_dir=up", vec!["sort_dir"]),
        ("title_contains=%00", vec!["title_contains"]),
        ("limit=5&Page=1", vec!["Page", "limit"]),
    ] {
        assert_invalid(&list(&books, query).await, &fields);
    }
    assert_problem(&list(&books, "author=%FF").await, 400);
    let far = list(&books, "page=9223372036854775807&page_size=100").await;
    assert_eq!((far.status, far.json()["items"].clone()), (200, json!([])));
}
