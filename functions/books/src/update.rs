//! `PUT /books/{id}` changes a book, with `If-Match` only in a version that the client knows.
//!
//! Of parallel updates that expect the same version one is done: the statement compares and raises the version.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use shared::http::openapi::{RateLimited, SignedIn, Stored, WithId, WithIfMatch, WithJson};
use shared::http::{Caller, Error, IfMatch, Json, JsonResponse, NumericId, Result};

use crate::book::{Book, BookUpdate, ExpectedVersions, StoredBook};
use crate::store::{Conditional, Store};

/// Change a book
///
/// Any signed-in user may. Only the fields that are sent change; `null` clears `year` or `description`. With `If-Match`
/// the book is changed only in the version that the client has read, so that nobody's change is lost.
#[utoipa::path(
    put, path = "/books/{id}", tag = "books",
    params(NumericId, IfMatch),
    request_body = BookUpdate, security(("password" = [])),
    responses(
        (status = 200, description = "The book, as it is now", body = Book,
         headers(("ETag" = String, description = "Names this version of the book"))),
        WithJson, WithId, WithIfMatch, SignedIn, RateLimited, Stored,
    ),
)]
pub(crate) async fn update_book(
    State(store): State<Store>,
    _: Caller,
    condition: IfMatch,
    NumericId(id): NumericId,
    body: Result<Json<BookUpdate>>,
) -> Result<Response> {
    let expected = ExpectedVersions::from(&condition);
    let updated = match body {
        Ok(Json(update)) if !update.is_empty() => store.update(id, &update, &expected).await?,
        // Nothing is changed, and a book that does not exist outweighs whatever is wrong with the body.
        nothing_to_change => {
            let stored = store.find(id).await?.ok_or(Error::NotFound)?;
            nothing_to_change?;
            if expected.permit(stored.version) {
                Conditional::Done(stored)
            } else {
                Conditional::VersionMismatch
            }
        }
    };
    let StoredBook { book, version } = updated.into_result()?;
    Ok(version.entity_tag().on(JsonResponse(book).into_response()))
}
