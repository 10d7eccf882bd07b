//! Books: create, read, update and delete.

use serde_json::{Value, json};
use testkit::users::{sign_up, sign_up_as};
use testkit::{Client, Response, TestContext};

use super::books;
use crate::support::responses::{assert_invalid, assert_problem};

pub(crate) async fn create(books: &Client, token: &str, book: Value) -> Response {
    books.from_new_network().post("/books").bearer(token).json(&book).send().await
}

pub(crate) async fn list(books: &Client, query: &str) -> Response {
    books.from_new_network().get(&format!("/books?{query}")).send().await
}

#[tokio::test]
async fn the_location_header_leads_to_the_created_book() {
    let context = TestContext::new().await;
    let (ada, books) = (sign_up(&context, "ada").await, books(&context));
    let new_book =
        json!({"title": "Middlemarch", "author": "George Eliot", "year": 1871, "description": "A study."});
    let created = create(&books, &ada.access, new_book.clone()).await;
    assert_eq!(created.status, 201, "{}", created.text());
    let found = books.get(created.header("location").unwrap()).send().await;
    assert_eq!((found.status, found.json()), (200, created.json()));
    for (field, value) in new_book.as_object().unwrap() {
        assert_eq!(&found.json()[field], value);
    }
}

#[tokio::test]
async fn text_comes_back_byte_for_byte() {
    let context = TestContext::new().await;
    let (ada, books) = (sign_up(&context, "ada").await, books(&context));
    for text in [
        "🦀👩‍🚀",
        "e\u{301}clair",
        "שלום \u{202e}abc",
        "'; drop table books; --",
        "\"\\/",
        "<b>&amp;",
        "\u{fffd}",
    ] {
        let created =
            create(&books, &ada.access, json!({"title": text, "author": text, "description": text})).await;
        assert_eq!(created.status, 201, "{}", created.text());
        assert_eq!(created.json()["title"], text);
        assert_eq!(created.json()["description"], text);
    }
    let created =
        create(&books, &ada.access, json!({"title": "T", "author": "A", "description": "a\tb\r\nc"})).await;
    assert_eq!(created.json()["description"], "a\tb\r\nc");
}

#[tokio::test]
async fn writing_requires_a_token_and_deleting_an_administrator() {
    let context = TestContext::new().await;
    let (ada, root) = (sign_up(&context, "ada").await, sign_up_as(&context, "root", "admin").await);
    let books = books(&context);
    let book = json!({"title": "T", "author": "A"});
    assert_problem(&books.post("/books").json(&book).send().await, 401);
    let id = create(&books, &ada.access, book).await.json()["id"].as_i64().unwrap();
    let path = format!("/books/{id}");
    assert_problem(&books.delete(&path).send().await, 401);
    assert_problem(&books.delete(&path).bearer(&ada.access).send().await, 403);
    assert_eq!(books.delete(&path).bearer(&root.access).send().await.status, 204);
    assert_problem(&books.delete(&path).bearer(&root.access).send().await, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exactly_one_of_parallel_deletes_finds_the_book() {
    let context = TestContext::new().await;
    let root = sign_up_as(&context, "root", "admin").await;
    let environments = [books(&context), books(&context)];
    for _ in 0..10 {
        let id =
            create(&environments[0], &root.access, json!({"title": "T", "author": "A"})).await.json()["id"]
                .clone();
        let deletes: Vec<_> = (0..4)
            .map(|n| {
                let (books, token, path) =
                    (environments[n % 2].from_new_network(), root.access.clone(), format!("/books/{id}"));
                tokio::spawn(async move { books.delete(&path).bearer(&token).send().await.status })
            })
            .collect();
        let mut statuses = Vec::new();
        for delete in deletes {
            statuses.push(delete.await.unwrap());
        }
        statuses.sort_unstable();
        assert_eq!(statuses, [204, 404, 404, 404]);
    }
}

#[tokio::test]
async fn an_update_changes_only_the_fields_that_were_sent() {
    let context = TestContext::new().await;
    let (ada, books) = (sign_up(&context, "ada").await, books(&context));
    let new_book = json!({"title": "T", "author": "A", "year": 2000, "description": "D"});
    let before = create(&books, &ada.access, new_book).await.json();
    let path = format!("/books/{}", before["id"]);
    let put = async |patch: Value| {
        books.from_new_network().put(&path).bearer(&ada.access).json(&patch).send().await
    };

    assert_eq!(put(json!({})).await.json(), before);
    let mut expected = before.clone();
    expected["title"] = "U".into();
    assert_eq!(put(json!({"title": "U"})).await.json(), expected);
    expected["year"] = Value::Null;
    expected["description"] = Value::Null;
    assert_eq!(put(json!({"year": null, "description": null})).await.json(), expected);
    assert_invalid(&put(json!({"title": null, "author": null, "id": 7})).await, &["title", "author", "id"]);
    assert_eq!(books.get(&path).send().await.json(), expected);
}

#[tokio::test]
async fn a_missing_token_is_reported_before_a_missing_book_and_that_before_a_bad_body() {
    let context = TestContext::new().await;
    let (ada, books) = (sign_up(&context, "ada").await, books(&context));
    let bad = json!({"year": "soon"});
    assert_problem(&books.put("/books/1").json(&bad).send().await, 401);
    assert_problem(&books.put("/books/1").bearer(&ada.access).json(&bad).send().await, 404);
    assert_problem(&books.put("/books/1").bearer(&ada.access).body("not json").send().await, 404);
    let id = create(&books, &ada.access, json!({"title": "T", "author": "A"})).await.json()["id"].clone();
    assert_invalid(
        &books.put(&format!("/books/{id}")).bearer(&ada.access).json(&bad).send().await,
        &["year"],
    );
}

#[tokio::test]
async fn all_invalid_fields_of_a_new_book_are_reported_at_once_and_nothing_is_written() {
    let context = TestContext::new().await;
    let (ada, books) = (sign_up(&context, "ada").await, books(&context));
    let long = "x".repeat(1001);
    let refused = [
        (json!({}), vec!["title", "author"]),
        (
            json!({"title": "", "author": "x".repeat(101), "year": 2101, "description": long, "isbn": 1}),
            vec!["title", "author", "year", "description", "isbn"],
        ),
        (json!({"title": "a\u{0}b", "author": "a\nb", "year": -1}), vec!["title", "author", "year"]),
        (
            json!({"title": 1, "author": ["a"], "year": "1999", "description": {}}),
            vec!["title", "author", "year", "description"],
        ),
        (json!({"title": "T", "author": "A", "year": 1999.5}), vec!["year"]),
        (json!({"title": "T", "author": "A", "year": 1e10}), vec!["year"]),
        (json!({"title": "x".repeat(201), "author": "A", "year": true}), vec!["title", "year"]),
    ];
    for (new_book, fields) in refused {
        assert_invalid(&create(&books, &ada.access, new_book).await, &fields);
    }
    assert_eq!(list(&books, "").await.json()["total"], 0);
    let edge = json!({"title": "🦀".repeat(200), "author": "é".repeat(100), "year": 0, "description": "x".repeat(1000)});
    assert_eq!(create(&books, &ada.access, edge).await.status, 201);
}

#[tokio::test]
async fn an_id_that_is_no_number_is_invalid_and_one_that_is_too_large_is_not_found() {
    let context = TestContext::new().await;
    let books = books(&context);
    for id in ["0", "-1", "+1", "01", "1.0", "abc", "１", "%31", "1e3", " 1"] {
        assert_invalid(&books.from_new_network().get(&format!("/books/{id}")).send().await, &["id"]);
    }
    for id in ["1", "2147483648", "9223372036854775807", "9223372036854775808", &"9".repeat(400)] {
        assert_problem(&books.from_new_network().get(&format!("/books/{id}")).send().await, 404);
    }
}

#[tokio::test]
async fn books_with_a_final_slash_is_the_same_resource() {
    let context = TestContext::new().await;
    let books = books(&context);
    let (with, without) = (books.get("/books/").send().await, books.get("/books").send().await);
    assert_eq!((with.status, with.json()), (200, without.json()));
}
