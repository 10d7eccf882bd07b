//! `POST /books` creates a book. With an idempotency key it can be repeated and creates one.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use shared::http::openapi::{IdempotencyKey, Idempotent, RateLimited, SignedIn, Stored, WithJson};
use shared::http::{Caller, Json, JsonResponse, Result};
use shared::stores::idempotent_write::IdempotencyToken;

use crate::book::{Book, NewBook, StoredBook};
use crate::store::Store;

/// Create a book
///
/// Any signed-in user may. `Location` says where the book is. A client that cannot know whether a request arrived sends
/// it again with the same `Idempotency-Key`; the book is then created once.
#[utoipa::path(
    post, path = "/books", tag = "books", request_body = NewBook, security(("password" = [])),
    params(IdempotencyKey),
    responses(
        (status = 201, description = "The book, as it was created", body = Book,
         headers(
             ("Location" = String, description = "Where the book is"),
             ("ETag" = String, description = "Names this version of the book"),
             ("Idempotency-Replayed" = bool, description = "`true` where this was done before; see Idempotency-Key"),
         )),
        WithJson, Idempotent, SignedIn, RateLimited, Stored,
    ),
)]
pub(crate) async fn create_book(
    State(store): State<Store>,
    _: Caller,
    token: IdempotencyToken,
    Json(new_book): Json<NewBook>,
) -> Result<Response> {
    let StoredBook { book, version } = store.insert(&new_book, &token).await?;
    let location = [(header::LOCATION, format!("/books/{}", book.id))];
    Ok(version.entity_tag().on((StatusCode::CREATED, location, JsonResponse(book)).into_response()))
}
