//! `GET /books/{id}` reads one book, or answers 304 to a client that has its current version.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use shared::http::openapi::{RateLimited, Stored, WithId, WithIfNoneMatch};
use shared::http::{Error, IfNoneMatch, JsonResponse, NumericId, Result};

use crate::book::{Book, StoredBook};
use crate::store::Store;

/// Read a book
///
/// Anybody may. The `ETag` names the version of the book, for `If-Match` in an update and `If-None-Match` here.
#[utoipa::path(
    get, path = "/books/{id}", tag = "books",
    params(NumericId, IfNoneMatch),
    responses(
        (status = 200, description = "The book", body = Book,
         headers(("ETag" = String, description = "Names this version of the book"))),
        WithId, WithIfNoneMatch, RateLimited, Stored,
    ),
)]
pub(crate) async fn get_book(
    State(store): State<Store>,
    condition: IfNoneMatch,
    NumericId(id): NumericId,
) -> Result<Response> {
    let StoredBook { book, version } = store.find(id).await?.ok_or(Error::NotFound)?;
    Ok(condition.respond(&version.entity_tag(), JsonResponse(book).into_response()))
}
