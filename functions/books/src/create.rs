//! `POST /books`

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use shared::http::openapi::{IdempotencyKey, Idempotent, SignedIn, Stored, Throttled, WithJson};
use shared::http::{Caller, Json, JsonResponse, Result};
use shared::stores::idempotent_write::Ticket;

use crate::book::{Book, Draft};
use crate::store::{Kept, Store};

/// Creates a book.
#[utoipa::path(
    post, path = "/books", tag = "books", request_body = Draft, security(("password" = [])),
    params(IdempotencyKey),
    responses(
        (status = 201, description = "The book, as it was created", body = Book,
         headers(
             ("Location" = String, description = "Where the book is"),
             ("ETag" = String, description = "Names this version of the book"),
             ("Idempotency-Replayed" = bool, description = "`true` where this was done before; see Idempotency-Key"),
         )),
        WithJson, Idempotent, SignedIn, Throttled, Stored,
    ),
)]
pub(crate) async fn create_book(
    State(store): State<Store>,
    _: Caller,
    ticket: Ticket,
    Json(draft): Json<Draft>,
) -> Result<Response> {
    let Kept { book, version } = store.insert(&draft, &ticket).await?;
    let location = [(header::LOCATION, format!("/books/{}", book.id))];
    Ok(version.tag().on((StatusCode::CREATED, location, JsonResponse(book)).into_response()))
}
