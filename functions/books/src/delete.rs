//! `DELETE /books/{id}` deletes a book, with `If-Match` only in a version that the client knows.

use axum::extract::State;
use axum::http::StatusCode;
use shared::http::openapi::{AdminOnly, RateLimited, Stored, WithId, WithIfMatch};
use shared::http::{Admin, IfMatch, NumericId, Result};

use crate::book::ExpectedVersions;
use crate::store::Store;

/// Delete a book
///
/// Administrators alone may. With `If-Match` the book is deleted only in the version that the client has read.
#[utoipa::path(
    delete, path = "/books/{id}", tag = "books",
    params(NumericId, IfMatch),
    security(("password" = [])),
    responses((status = 204, description = "The book is gone"), WithId, WithIfMatch, AdminOnly, RateLimited, Stored),
)]
pub(crate) async fn delete_book(
    State(store): State<Store>,
    _: Admin,
    condition: IfMatch,
    NumericId(id): NumericId,
) -> Result<StatusCode> {
    store.delete(id, &ExpectedVersions::from(&condition)).await?.into_result()?;
    Ok(StatusCode::NO_CONTENT)
}
