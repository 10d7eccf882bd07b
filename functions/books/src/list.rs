//! `GET /books`

use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use shared::http::documented::{Stored, Throttled, WithIfNoneMatch, WithQuery};
use shared::http::{EntityTag, IfNoneMatch, Query, Result};

use crate::listing::{Listing, ListingParameters};
use crate::store::{Page, Store};

/// Lists books, filtered, sorted and paged.
#[utoipa::path(
    get, path = "/books", tag = "books",
    params(ListingParameters, ("If-None-Match" = Option<String>, Header, description = "Tags that the caller has")),
    responses(
        (status = 200, description = "A page; empty past the last one", body = Page,
         headers(("ETag" = String, description = "Names these bytes"))),
        WithQuery, WithIfNoneMatch, Throttled, Stored,
    ),
)]
pub(crate) async fn list_books(
    State(store): State<Store>,
    condition: IfNoneMatch,
    Query(listing): Query<Listing>,
) -> Result<Response> {
    let page = store.page(&listing).await?;
    let json = [(CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    Ok(condition.answer(&EntityTag::new(page.name()), (json, page.page()).into_response()))
}
