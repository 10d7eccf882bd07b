//! `GET /books/{id}`

use axum::extract::State;
use shared::http::documented::{Stored, Throttled, WithId};
use shared::http::{Answer, Error, NumericId, Result};

use crate::book::Book;
use crate::store::Store;

/// Reads one book.
#[utoipa::path(
    get, path = "/books/{id}", tag = "books", params(("id" = i64, Path, minimum = 1)),
    responses((status = 200, description = "The book", body = Book), WithId, Throttled, Stored),
)]
pub(crate) async fn get_book(State(store): State<Store>, NumericId(id): NumericId) -> Result<Answer<Book>> {
    store.find(id).await?.map(Answer).ok_or(Error::NotFound)
}
