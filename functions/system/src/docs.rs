//! `GET /docs`: Swagger UI, served from this binary.

use axum::extract::{Extension, RawPathParams};
use axum::http::HeaderMap;
use axum::response::{Redirect, Response};
use lambda_http::request::RequestContext;
use shared::http::openapi::{RateLimited, WithIfNoneMatch, WithName};
use shared::http::{IfNoneMatch, Result};

use crate::assets::{Asset, CSS, Content, JAVASCRIPT, Page};

pub(crate) const PAGE: Page = Page {
    name: "docs",
    html: include_str!("docs/page.html"),
    files: &[
        Asset {
            name: "swagger-ui.css",
            media_type: CSS,
            content: Content::Gzip(include_bytes!(concat!(env!("OUT_DIR"), "/swagger-ui.css.gz"))),
        },
        Asset {
            name: "swagger-ui-bundle.js",
            media_type: JAVASCRIPT,
            content: Content::Gzip(include_bytes!(concat!(env!("OUT_DIR"), "/swagger-ui-bundle.js.gz"))),
        },
        Asset { name: "page.css", media_type: CSS, content: Content::Plain(include_str!("docs/page.css")) },
        Asset {
            name: "start.js",
            media_type: JAVASCRIPT,
            content: Content::Plain(include_str!("docs/start.js")),
        },
    ],
};

/// Show this description as a page
#[utoipa::path(
    get, path = "/docs", tag = "system",
    responses(
        (status = 200, description = "Swagger UI", body = String, content_type = "text/html"),
        RateLimited,
    ),
)]
pub(crate) async fn show_docs(context: Option<Extension<RequestContext>>) -> Response {
    PAGE.show(context.as_deref())
}

/// Lead to the documentation
#[utoipa::path(
    get, path = "/", tag = "system",
    responses(
        (status = 307, description = "The documentation is elsewhere", headers(("Location" = String, description = "Where it is"))),
        RateLimited,
    ),
)]
pub(crate) async fn lead_to_docs() -> Redirect {
    Redirect::temporary("/docs")
}

/// Serve a file of the page
#[utoipa::path(
    get, path = "/docs/{file}", tag = "system",
    params(
        ("file" = String, Path, description = "One of the files that the page names", example = "start.js"),
        IfNoneMatch,
    ),
    responses(
        (status = 200, description = "The file; compressed, if the caller accepts gzip",
         content((String = "text/css"), (String = "text/javascript")),
         headers(("ETag" = String, description = "Names these bytes"))),
        WithName, WithIfNoneMatch, RateLimited,
    ),
)]
pub(crate) async fn get_docs_file(
    path: RawPathParams,
    condition: IfNoneMatch,
    headers: HeaderMap,
) -> Result<Response> {
    PAGE.file(&path, &condition, &headers).await
}
