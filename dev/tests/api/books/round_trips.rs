//! The number of round trips that a request for books takes.

use serde_json::json;
use testkit::users::sign_up_as;
use testkit::{Client, TestContext};

use super::books;
use crate::support::round_trips::{Stores, assert_begun_for_the_admitted_alone, trips};

#[tokio::test]
async fn each_request_makes_a_fixed_number_of_round_trips() {
    let context = TestContext::new().await;
    let root = sign_up_as(&context, "root", "admin").await;
    let (context, stores) = Stores::of(context).await;
    let books = books(&context);
    let book = json!({"title": "T", "author": "A"});
    let create = |books| Client::post(books, "/books").bearer(&root.access).json(&book);
    let update = |books| Client::put(books, "/books/1").bearer(&root.access).json(&book);
    // These two do what is done once: open connections, load scripts, read the key of cursors.
    assert_eq!(books.get("/books").send().await.status, 200);
    assert_eq!(create(&books).send().await.status, 201);
    assert_eq!(
        stores.trips(create(&books)).await,
        (201, trips(3, [2, 2])),
        "create: quota beside token, book, invalidation"
    );
    assert_eq!(stores.trips(update(&books)).await, (200, trips(3, [2, 2])), "update: the same");
    for (target, expected, what) in [
        (
            "/books",
            trips(2, [2, 1]),
            "an uncached list: quota with look-up, the page; it is stored meanwhile",
        ),
        ("/books", trips(1, [1, 0]), "a cached list: quota with look-up"),
        ("/books?page=2", trips(2, [2, 1]), "another list"),
        ("/books/1", trips(1, [1, 1]), "an item: quota beside the book"),
        ("/books/x", trips(1, [1, 0]), "an invalid id: quota"),
    ] {
        let (_, counted) = stores.trips(books.get(target)).await;
        assert_eq!(counted, expected, "{what}");
    }
    assert_eq!(
        stores.trips(books.delete("/books/1").bearer(&root.access)).await,
        (204, trips(3, [2, 2])),
        "delete: quota beside session, the book, invalidation"
    );
    assert_eq!([stores.redis.connections(), stores.postgres.connections()], [1, 1]);
}

#[tokio::test]
async fn a_refused_client_begins_no_search() {
    assert_begun_for_the_admitted_alone(books, "/books?title_contains=ab", "from (select) as always").await;
}
