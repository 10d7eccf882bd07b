//! `GET /books`

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use shared::http::documented::{Stored, Throttled, WithQuery};
use shared::http::{Query, Result};

use crate::listing::{Listing, ListingParameters};
use crate::store::{Page, Store};

/// Lists books, filtered, sorted and paged.
#[utoipa::path(
    get, path = "/books", tag = "books", params(ListingParameters),
    responses((status = 200, description = "A page; empty past the last one", body = Page), WithQuery, Throttled, Stored),
)]
pub(crate) async fn list_books(
    State(store): State<Store>,
    Query(listing): Query<Listing>,
) -> Result<Response> {
    let page = store.page(&listing).await?;
    let mut response = Response::new(Body::from(page));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}
