//! `PUT /books/{id}`

use axum::extract::State;
use shared::http::documented::{SignedIn, Stored, Throttled, WithId, WithJson};
use shared::http::{Answer, Caller, Error, Json, NumericId, Result};

use crate::book::{Book, Patch};
use crate::store::Store;

/// Changes the fields that are sent; `null` clears a field that may be null.
#[utoipa::path(
    put, path = "/books/{id}", tag = "books", params(("id" = i64, Path, minimum = 1)), request_body = Patch,
    security(("password" = [])),
    responses(
        (status = 200, description = "The book, as it is now", body = Book),
        WithJson, WithId, SignedIn, Throttled, Stored,
    ),
)]
pub(crate) async fn update_book(
    State(store): State<Store>,
    _: Caller,
    NumericId(id): NumericId,
    patch: Result<Json<Patch>>,
) -> Result<Answer<Book>> {
    let book = match patch {
        Ok(Json(patch)) if !patch.is_empty() => store.update(id, &patch).await?,
        // A book that is not there outweighs whatever is wrong with the body.
        Ok(_) => store.find(id).await?,
        Err(error) => return Err(store.find(id).await?.map_or(Error::NotFound, |_| error)),
    };
    book.map(Answer).ok_or(Error::NotFound)
}
