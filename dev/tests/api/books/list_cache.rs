//! The list of books in the cache: which queries share a page, and which writes invalidate it.

use serde_json::json;
use testkit::proxy::{Mode, Proxy};
use testkit::users::sign_up_as;
use testkit::{Client, TestContext};

use super::books;
use crate::support::redis_keys::keys;

#[tokio::test]
async fn every_write_is_visible_to_the_next_read_in_every_environment() {
    let context = TestContext::new().await;
    let root = sign_up_as(&context, "root", "admin").await;
    let (writer, reader) = (books(&context), books(&context));
    let list = async || reader.from_new_network().get("/books").send().await.json()["items"].clone();
    let mut seen = vec![list().await];
    let book = json!({"title": "T", "author": "A"});
    let (change, no_change) = (json!({"title": "changed"}), json!({}));
    for (request, status) in [
        (writer.post("/books").json(&book), 201),
        (writer.put("/books/1").json(&change), 200),
        (writer.delete("/books/1"), 204),
        (writer.post("/books").json(&book), 201),
    ] {
        assert_eq!(request.bearer(&root.access).send().await.status, status);
        let now = list().await;
        assert_ne!(seen.last(), Some(&now));
        seen.push(now);
    }
    // A change of nothing invalidates nothing: a row that the API did not write stays unseen.
    let row = "insert into books (title, author) values ('unseen', 'A')";
    context.database().await.batch_execute(row).await.unwrap();
    assert_eq!(writer.put("/books/2").bearer(&root.access).json(&no_change).send().await.status, 200);
    assert_eq!(seen.last(), Some(&list().await));
}

#[tokio::test]
async fn every_query_has_its_own_cached_page() {
    let context = TestContext::new().await;
    let sql = "insert into books (title, author, year) values
        ('0', '0', 0), ('T', 'A', 1999), ('T:author=A', 'A:year_to=0', null), (',', 'A,title', 2000)";
    context.database().await.batch_execute(sql).await.unwrap();
    let cached = books(&context);
    let (context, proxy) = Proxy::replacing_url(context, "REDIS_URL").await;
    proxy.set(Mode::Closed);
    let uncached = books(&context);
    let queries = [
        "",
        "author=",
        "author=0",
        "title_contains=",
        "title_contains=0",
        "year_from=0",
        "year_to=0",
        "year_from=0&year_to=0",
        "author=A",
        "author=A:year_to%3D0",
        "author=A&year_to=0",
        "author=A%26year_to%3D0",
        "title_contains=T:author%3DA",
        "title_contains=T&author=A",
        "title_contains=T%3Aauthor%3DA&author=",
        "author=A,title",
        "author=A&sort_by=title",
        "sort_by=title",
        "sort_by=title&sort_dir=desc",
        "page=2&page_size=1",
        "page=1&page_size=2",
        "page=12",
        "page_size=12",
    ];
    // The second round comes from the cache.
    for _ in 0..2 {
        for query in queries {
            let page_of =
                async |books: &Client| books.from_new_network().get(&format!("/books?{query}")).send().await;
            let (page, expected) = (page_of(&cached).await, page_of(&uncached).await);
            assert_eq!((page.status, page.json()), (200, expected.json()), "{query}");
        }
    }
    // Other spellings of the same queries.
    for query in ["page=1", "year_to=0&year_from=0", "sort_by=title:asc,id:asc", "author=%41", "page_size=10"]
    {
        assert_eq!(
            cached.from_new_network().get(&format!("/books?{query}")).send().await.status,
            200,
            "{query}"
        );
    }
    proxy.set(Mode::Open);
    let pages = keys(&context).await.into_iter().filter(|key| {
        key.contains(":cache:{books}:") && !key.ends_with(":lease") && !key.ends_with(":bytes")
    });
    assert_eq!(pages.count(), queries.len());
}

#[tokio::test]
async fn every_write_records_an_invalidation_that_failed_and_the_next_miss_repeats_it() {
    let context = TestContext::new().await;
    let root = sign_up_as(&context, "root", "admin").await;
    let (reader, database) = (books(&context), context.database().await);
    let (context, proxy) = Proxy::replacing_url(context, "REDIS_URL").await;
    let writer = books(&context);
    let pending = async || {
        let sql = "select count(*) from pending_invalidations where list = 'books'";
        database.query_one(sql, &[]).await.unwrap().get::<_, i64>(0)
    };
    let list = async |query: &str| {
        let list = reader.from_new_network().get(&format!("/books{query}")).send().await;
        assert_eq!(list.status, 200, "{}", list.text());
        list.json()["items"].clone()
    };
    for (page, request, status) in [
        (100, writer.post("/books").json(&json!({"title": "T", "author": "A"})), 201),
        (101, writer.put("/books/1").json(&json!({"title": "changed"})), 200),
        (102, writer.delete("/books/1"), 204),
    ] {
        let before = list("").await;
        proxy.set(Mode::Closed);
        assert_eq!(request.bearer(&root.access).send().await.status, status);
        proxy.set(Mode::Open);
        assert_eq!((pending().await, list("").await), (1, before.clone()), "no read has missed yet");
        list(&format!("?page={page}")).await;
        assert_eq!(pending().await, 0);
        assert_ne!(list("").await, before);
    }
}
