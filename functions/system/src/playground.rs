// part of rl-demo, bf-demo

//! `GET /playground`: a page on which one can watch the limiter and the lockout at work, where the demos are deployed.
//!
//! Everywhere else the page and its files are answered as any unknown path is.

use axum::extract::{Extension, RawPathParams, State};
use axum::http::HeaderMap;
use axum::response::Response;
use lambda_http::request::RequestContext;
use shared::config::{self, Env};
use shared::http::openapi::{RateLimited, WithIfNoneMatch, WithName};
use shared::http::{Error, IfNoneMatch, Result};

use crate::assets::{Asset, CSS, Content, JAVASCRIPT, Page};

const PAGE: Page = Page {
    name: "playground",
    html: include_str!("playground/page.html"),
    files: &[
        Asset {
            name: "style.css",
            media_type: CSS,
            content: Content::Plain(include_str!("playground/style.css")),
        },
        script("start.js", include_str!("playground/start.js")),
        script("api.js", include_str!("playground/api.js")),
        script("elements.js", include_str!("playground/elements.js")),
        script("results.js", include_str!("playground/results.js")),
        script("limiter.js", include_str!("playground/limiter.js")),
        script("lockout.js", include_str!("playground/lockout.js")),
    ],
};

const fn script(name: &'static str, text: &'static str) -> Asset {
    Asset { name, media_type: JAVASCRIPT, content: Content::Plain(text) }
}

/// Whether the page is served: where the demos are deployed.
#[derive(Clone, Copy)]
pub(crate) struct Playground(bool);

impl Playground {
    /// Reads `PLAYGROUND`: `true` or `false` (default).
    pub(crate) fn from_env(env: &Env) -> Result<Self, config::Error> {
        const NAME: &str = "PLAYGROUND";
        match env.optional(NAME) {
            None | Some("false") => Ok(Self(false)),
            Some("true") => Ok(Self(true)),
            Some(_) => Err(config::Error::invalid(NAME, "is neither true nor false")),
        }
    }

    fn page(self) -> Result<Page> {
        if self.0 { Ok(PAGE) } else { Err(Error::NotFound) }
    }
}

/// Show the limiter and the lockout at work
///
/// Where the demos are deployed; 404 elsewhere.
#[utoipa::path(
    get, path = "/playground", tag = "system",
    responses(
        (status = 200, description = "The page", body = String, content_type = "text/html"),
        WithName, RateLimited,
    ),
)]
pub(crate) async fn show_playground(
    State(playground): State<Playground>,
    context: Option<Extension<RequestContext>>,
) -> Result<Response> {
    Ok(playground.page()?.show(context.as_deref()))
}

/// Get a file of the playground
#[utoipa::path(
    get, path = "/playground/{file}", tag = "system",
    params(
        ("file" = String, Path, description = "One of the files that the page loads", example = "start.js"),
        IfNoneMatch,
    ),
    responses(
        (status = 200, description = "The file", content((String = "text/css"), (String = "text/javascript")),
         headers(("ETag" = String, description = "Names these bytes"))),
        WithName, WithIfNoneMatch, RateLimited,
    ),
)]
pub(crate) async fn get_playground_file(
    State(playground): State<Playground>,
    path: RawPathParams,
    condition: IfNoneMatch,
    headers: HeaderMap,
) -> Result<Response> {
    playground.page()?.file(&path, &condition, &headers).await
}
