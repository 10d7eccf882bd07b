//! The creation of a book with an idempotency key: what was written is answered again, also when its record is lost.

use serde_json::json;
use testkit::users::sign_up;

use super::books;
use crate::idempotency::{assert_replayed, assert_reused, context, count};

#[tokio::test]
async fn a_book_is_created_once_and_replayed_from_dynamodb_or_postgres() {
    let (context, records) = context().await;
    let ada = sign_up(&context, "ada").await;
    let without_dynamodb = context.clone().with("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:9");
    let another = json!({"title": "another", "author": "A"});
    let environments = [books(&context), books(&without_dynamodb)];
    for (n, book) in [
        json!({"title": "T", "author": "A", "year": 1969, "description": "D"}),
        json!({"title": "T", "author": "A"}),
    ]
    .iter()
    .enumerate()
    {
        let create = async |environment: usize, book| {
            let request = environments[environment].from_new_network();
            let request =
                request.post("/books").bearer(&ada.access).header("idempotency-key", &format!("k{n}"));
            request.json(book).send().await
        };
        let first = create(0, book).await;
        assert_eq!((first.status, first.header("etag").is_some()), (201, true), "{}", first.text());
        assert_eq!(first.header("location"), Some(format!("/books/{}", first.json()["id"]).as_str()));
        assert_replayed(&create(0, book).await, &first);
        records.delete_all().await.unwrap();
        for environment in [0, 1] {
            assert_replayed(&create(environment, book).await, &first);
            assert_reused(&create(environment, &another).await);
        }
    }
    assert_eq!(count(&context, "books").await, 2);
}
