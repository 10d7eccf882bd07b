//! `PUT /books/{id}`

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use shared::http::openapi::{SignedIn, Stored, Throttled, WithId, WithIfMatch, WithJson};
use shared::http::{Caller, Error, IfMatch, Json, JsonResponse, NumericId, Result};

use crate::book::{Book, Patch};
use crate::store::{Kept, Store};

/// Changes the fields that are sent; `null` clears a field that may be null.
#[utoipa::path(
    put, path = "/books/{id}", tag = "books",
    params(NumericId, IfMatch),
    request_body = Patch, security(("password" = [])),
    responses(
        (status = 200, description = "The book, as it is now", body = Book,
         headers(("ETag" = String, description = "Names this version of the book"))),
        WithJson, WithId, WithIfMatch, SignedIn, Throttled, Stored,
    ),
)]
pub(crate) async fn update_book(
    State(store): State<Store>,
    _: Caller,
    condition: IfMatch,
    NumericId(id): NumericId,
    patch: Result<Json<Patch>>,
) -> Result<Response> {
    let Kept { book, version } = match patch {
        Ok(Json(patch)) if !patch.is_empty() => store.update(id, &patch, &condition).await?.done()?,
        // Nothing is changed, and a book that is not there outweighs whatever is wrong with the body.
        unchanging => {
            let kept = store.find(id).await?.ok_or(Error::NotFound)?;
            unchanging?;
            if !condition.permits(&kept.version.tag()) {
                return Err(Error::PreconditionFailed);
            }
            kept
        }
    };
    Ok(version.tag().on(JsonResponse(book).into_response()))
}
