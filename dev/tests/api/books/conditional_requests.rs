//! Entity tags and preconditions on books.

use serde_json::{Value, json};
use testkit::users::{TestUser, sign_up, sign_up_as};
use testkit::{Client, Response, TestContext};
use tokio::task::JoinSet;

use super::books;
use crate::support::responses::{assert_invalid, assert_problem};

async fn create(books: &Client, user: &TestUser) -> (String, String) {
    let book = json!({"title": "T", "author": "A"});
    let created = books.from_new_network().post("/books").bearer(&user.access).json(&book).send().await;
    let path = created.header("location").unwrap().to_owned();
    (path, created.header("etag").unwrap().to_owned())
}

async fn put(books: &Client, user: &TestUser, path: &str, if_match: Option<&str>, change: Value) -> Response {
    let books = books.from_new_network();
    let mut request = books.put(path).bearer(&user.access).json(&change);
    if let Some(tag) = if_match {
        request = request.header("if-match", tag);
    }
    request.send().await
}

#[tokio::test]
async fn an_entity_tag_identifies_a_version_of_a_book_and_changes_with_it() {
    let context = TestContext::new().await;
    let (ada, books) = (sign_up(&context, "ada").await, books(&context));
    let (path, first) = create(&books, &ada).await;
    let read = books.get(&path).send().await;
    assert_eq!(read.header("etag"), Some(&*first));
    let changed = put(&books, &ada, &path, Some(&first), json!({"title": "U"})).await;
    let second = changed.header("etag").unwrap();
    assert_ne!(second, first);
    assert_eq!(books.get(&path).send().await.header("etag"), Some(second));
    let unchanged = put(&books, &ada, &path, Some(second), json!({})).await;
    assert_eq!((unchanged.status, unchanged.header("etag")), (200, Some(second)));
}

#[tokio::test]
async fn an_unchanged_resource_is_not_sent_again() {
    let context = TestContext::new().await;
    let (ada, books) = (sign_up(&context, "ada").await, books(&context));
    let (path, _) = create(&books, &ada).await;
    for target in [path.as_str(), "/books", "/books?sort_by=title"] {
        // The second list comes from the cache.
        for _ in 0..2 {
            let tag = books.get(target).send().await.header("etag").unwrap().to_owned();
            for condition in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}"), "*".to_owned()] {
                let response = books.get(target).header("if-none-match", &condition).send().await;
                assert_eq!((response.status, response.text()), (304, ""), "{target} {condition}");
                assert_eq!(response.header("etag"), Some(&*tag));
            }
            let response = books.get(target).header("if-none-match", "\"other\"").send().await;
            assert_eq!(response.status, 200);
        }
    }
    let tag = books.get("/books").send().await.header("etag").unwrap().to_owned();
    assert_eq!(put(&books, &ada, &path, None, json!({"title": "U"})).await.status, 200);
    assert_eq!(books.get("/books").header("if-none-match", &tag).send().await.status, 200);
    assert_problem(&books.get("/books/99").header("if-none-match", "*").send().await, 404);
}

#[tokio::test]
async fn a_write_with_another_entity_tag_is_refused_and_changes_nothing() {
    let context = TestContext::new().await;
    let (root, books) = (sign_up_as(&context, "root", "admin").await, books(&context));
    let (path, tag) = create(&books, &root).await;
    let weak = format!("W/{tag}");
    for condition in ["\"other\"", "\"\"", &weak, "\"1.99999999999999999999\"", "\"1.01\""] {
        assert_problem(&put(&books, &root, &path, Some(condition), json!({"title": "U"})).await, 412);
        assert_problem(&put(&books, &root, &path, Some(condition), json!({})).await, 412);
        let delete = books.delete(&path).bearer(&root.access).header("if-match", condition).send().await;
        assert_problem(&delete, 412);
    }
    for condition in ["other", "\"a\" \"b\"", ""] {
        assert_problem(&put(&books, &root, &path, Some(condition), json!({"title": "U"})).await, 400);
    }
    assert_eq!(books.get(&path).send().await.header("etag"), Some(&*tag));
    assert_problem(&put(&books, &root, "/books/99", Some("*"), json!({"title": "U"})).await, 404);
    assert_invalid(&put(&books, &root, &path, Some("\"other\""), json!({"year": "x"})).await, &["year"]);
    assert_eq!(put(&books, &root, &path, Some("*"), json!({"title": "U"})).await.status, 200);
    let delete = books.delete(&path).bearer(&root.access).header("if-match", "*").send().await;
    assert_eq!(delete.status, 204);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exactly_one_of_parallel_updates_with_one_entity_tag_succeeds() {
    let context = TestContext::new().await.with("AWS_LAMBDA_MAX_CONCURRENCY", "4");
    let (ada, books) = (sign_up(&context, "ada").await, [books(&context), books(&context)]);
    let (path, tag) = create(&books[0], &ada).await;
    let mut changes = JoinSet::new();
    for n in 0..20 {
        let (books, path) = (books[n % 2].from_new_network(), path.clone());
        let (access, tag) = (ada.access.clone(), tag.clone());
        changes.spawn(async move {
            let change = json!({"title": format!("T{n}")});
            books.put(&path).bearer(&access).header("if-match", &tag).json(&change).send().await.status
        });
    }
    let mut statuses = changes.join_all().await;
    statuses.sort_unstable();
    let mut expected = vec![200];
    expected.extend([412; 19]);
    assert_eq!(statuses, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_updates_and_deletes_never_fail_and_delete_once() {
    let context = TestContext::new().await.with("AWS_LAMBDA_MAX_CONCURRENCY", "4");
    let (root, books) = (sign_up_as(&context, "root", "admin").await, books(&context));
    for round in 0..200 {
        let (path, _) = create(&books, &root).await;
        let request = |method: &'static str| {
            let (books, path, access) = (books.from_new_network(), path.clone(), root.access.clone());
            tokio::spawn(async move {
                books.request(method, &path).bearer(&access).json(&json!({"title": "U"})).send().await.status
            })
        };
        let (put, first, second) = (request("PUT"), request("DELETE"), request("DELETE"));
        let put = put.await.unwrap();
        let deletes = [first.await.unwrap(), second.await.unwrap()];
        assert!([200, 404].contains(&put), "round {round}: {put}");
        assert!(deletes == [204, 404] || deletes == [404, 204], "round {round}: {deletes:?}");
    }
}
