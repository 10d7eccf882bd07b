//! `GET /books`

use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, LINK};
use axum::response::{IntoResponse, Response};
use shared::http::openapi::{Stored, Throttled, WithIfNoneMatch, WithQuery};
use shared::http::{EntityTag, IfNoneMatch, Query, Result};

use crate::listing::{Listing, ListingParameters};
use crate::page::Page;
use crate::store::Store;

/// Lists books, filtered, sorted and paged.
#[utoipa::path(
    get, path = "/books", tag = "books",
    params(ListingParameters, IfNoneMatch),
    responses(
        (status = 200, description = "A page; empty past the last one", body = Page,
         headers(
             ("ETag" = String, description = "Names these bytes"),
             ("Link" = String, description = "The first, last, next and previous page (RFC 8288), relative to this one"),
         )),
        WithQuery, WithIfNoneMatch, Throttled, Stored,
    ),
)]
pub(crate) async fn list_books(
    State(store): State<Store>,
    condition: IfNoneMatch,
    Query(listing): Query<Listing>,
) -> Result<Response> {
    let page = store.page(&listing).await?;
    let headers = [(CONTENT_TYPE, "application/json"), (LINK, page.link())];
    Ok(condition.answer(&EntityTag::new(page.entity_tag()), (headers, page.body()).into_response()))
}
