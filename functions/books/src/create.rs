//! `POST /books`

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use shared::http::documented::{SignedIn, Stored, Throttled, WithJson};
use shared::http::{Answer, Caller, Json, Result};

use crate::book::{Book, Draft};
use crate::store::Store;

/// Creates a book.
#[utoipa::path(
    post, path = "/books", tag = "books", request_body = Draft, security(("password" = [])),
    responses(
        (status = 201, description = "The book, as it was created", body = Book,
         headers(("Location" = String, description = "Where the book is"))),
        WithJson, SignedIn, Throttled, Stored,
    ),
)]
pub(crate) async fn create_book(
    State(store): State<Store>,
    _: Caller,
    Json(draft): Json<Draft>,
) -> Result<Response> {
    let book = store.insert(&draft).await?;
    let location = [(header::LOCATION, format!("/books/{}", book.id))];
    Ok((StatusCode::CREATED, location, Answer(book)).into_response())
}
