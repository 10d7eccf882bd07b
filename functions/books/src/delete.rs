//! `DELETE /books/{id}`

use axum::extract::State;
use axum::http::StatusCode;
use shared::http::documented::{AdminOnly, Stored, Throttled, WithId};
use shared::http::{Admin, Error, NumericId, Result};

use crate::store::Store;

/// Deletes a book.
#[utoipa::path(
    delete, path = "/books/{id}", tag = "books", params(("id" = i64, Path, minimum = 1)),
    security(("password" = [])),
    responses((status = 204, description = "The book is gone"), WithId, AdminOnly, Throttled, Stored),
)]
pub(crate) async fn delete_book(
    State(store): State<Store>,
    _: Admin,
    NumericId(id): NumericId,
) -> Result<StatusCode> {
    if store.delete(id).await? { Ok(StatusCode::NO_CONTENT) } else { Err(Error::NotFound) }
}
