//! `GET /books` lists books.
//!
//! A page is JSON and the `Link` header that goes with it. Both are cached together as they are sent, and their
//! checksum is the entity tag.

use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, LINK};
use axum::response::{IntoResponse, Response};
use shared::cache::Lookup;
use shared::http::openapi::{RateLimited, Stored, WithIfNoneMatch, WithQuery};
use shared::http::{Admission, EntityTag, Error, IfNoneMatch, Query, Result};

use crate::list_query::ListQuery;
use crate::page::Page;
use crate::store::{PageError, Store};

/// List books
///
/// Anybody may. Without parameters it answers the first ten books in the order of their ids. All filters that are sent
/// must hold. A client that walks the whole list follows `next_cursor`, or the `Link` header, until there is none: each
/// book then comes once, however many are created meanwhile.
#[utoipa::path(
    get, path = "/books", tag = "books",
    params(ListQuery, IfNoneMatch),
    responses(
        (status = 200, description = "A page; empty past the last one", body = Page,
         headers(
             ("ETag" = String, description = "Names these bytes"),
             ("Link" = String, description = "The next, first, previous and last page (RFC 8288), relative to this one; \
                 those that fit, where a filter is very long"),
         )),
        WithQuery, WithIfNoneMatch, RateLimited, Stored,
    ),
)]
pub(crate) async fn list_books(
    State(store): State<Store>,
    admission: Admission,
    condition: IfNoneMatch,
    Query(query): Query<ListQuery>,
) -> Result<Response> {
    let page = match store.look_up_page(&query).await {
        Lookup::Hit(page) => page,
        Lookup::Miss(missed) => {
            admission.granted().await?;
            store.fetch_page(&query, missed).await?
        }
    };
    let headers = [(CONTENT_TYPE, "application/json"), (LINK, page.link())];
    Ok(condition.respond(&EntityTag::new(page.entity_tag()), (headers, page.body()).into_response()))
}

impl From<PageError> for Error {
    fn from(error: PageError) -> Self {
        match error {
            PageError::InvalidCursor => Self::invalid("cursor", "is not a cursor of this list"),
            PageError::Postgres(error) => error.into(),
        }
    }
}
