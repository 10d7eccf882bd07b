//! The whole API as one `OpenAPI` document, generated from the attributes on the handlers.
//!
//! Each function is started with placeholder values for its variables, which connects to nothing, and adds its
//! operations. The result is written to `openapi.json`, and a test compares that file with the code.

use shared::config::Env;
use shared::http::openapi;
use utoipa::openapi::path::{Operation, PathItem};
// part of auth
use utoipa::openapi::security::{Flow, OAuth2, Password, Scopes};
// end of part
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Contact, Info, License, OpenApi, OpenApiBuilder, Server, Tag};

use crate::functions::FUNCTIONS;

/// The rules for all operations, in Markdown.
const ABOUT: &str = "\
Books, with sign-in, roles, rate limits and brute-force protection.

* Every error is a problem document (RFC 9457); its `errors` name all fields that are wrong, at once.
* A path with a final `/` is the same resource. `HEAD` is answered wherever `GET` is, `OPTIONS` everywhere; another \
  method is a 405 with `Allow`.
* Every quota that was counted is in `RateLimit` and `RateLimit-Policy`; after a 429, wait as long as `Retry-After` says.
* A 500 is a mistake of ours. Its `request_id` finds the cause in the log.";

/// The URL of the server, relative to the document (`OpenAPI` 3.1 §4.8.5), and so the right one for every host and
/// stage.
const SERVER: &str = ".";

/// The paths that lead a person to the page which shows the document. They are no part of the API.
const PAGES: &[&str] = &[
    "/",
    "/docs",
    "/docs/{file}",
    // part of rl-demo, bf-demo
    "/playground",
    "/playground/{file}",
    // end of part
];

// part of auth
/// Who may sign in, in Markdown. Swagger UI shows it in the dialog *Authorize*.
const WHO_MAY_SIGN_IN: &str = "\
Any account: `POST /auth/register` makes one. On a local API also the administrator whose name and password `cargo \
xtask up` prints.";
// end of part

/// The document in `openapi.json`.
///
/// # Panics
/// When a function does not start with the variables of this module.
#[must_use]
pub fn openapi() -> OpenApi {
    let license = License::builder().name("MIT OR Apache-2.0").identifier(Some("MIT OR Apache-2.0"));
    let info = Info::builder()
        .title("Bookshelf")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(ABOUT))
        .contact(Some(Contact::builder().name(Some("The Bookshelf developers")).build()))
        .license(Some(license.build()));
    let mut document = OpenApiBuilder::new()
        .info(info.build())
        .servers(Some([Server::new(SERVER)]))
        .tags(Some(tags()))
        .build();
    let env = placeholder_variables();
    for function in FUNCTIONS {
        document.merge(function.operations(&env).expect("a function starts with the placeholder variables"));
    }
    document.paths.paths.retain(|path, _| !PAGES.contains(&path.as_str()));
    openapi::complete(&mut document);
    if let Some(scheme) = security_scheme(&document) {
        document
            .components
            .get_or_insert_default()
            .security_schemes
            .insert("password".to_owned(), scheme.into());
    }
    document
}

/// The text of `openapi.json`: the indented document and a line feed.
///
/// # Panics
/// As [`openapi()`] does.
#[must_use]
pub fn openapi_json() -> String {
    openapi().to_pretty_json().expect("a document of strings and maps serialises") + "\n"
}

/// One tag for each function that serves HTTP.
fn tags() -> Vec<Tag> {
    let functions = FUNCTIONS.iter().filter(|function| function.purpose.is_some());
    functions
        .map(|function| Tag::builder().name(function.name).description(function.purpose).build())
        .collect()
}

/// Values for all variables that a function requires.
fn placeholder_variables() -> Env {
    let keys = signing_keys::generate();
    Env::of([
        ("DATABASE_URL", "postgres://user@localhost/database"),
        ("REDIS_URL", "redis://localhost/"),
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ACCESS_KEY_ID", "id"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("IDEMPOTENCY_TABLE", "table"),
        ("JWT_PRIVATE_KEY", &keys.private_pem),
        ("JWT_PUBLIC_KEYS", &keys.public_jwks),
        ("JWT_ISSUER", "issuer"),
        ("JWT_AUDIENCE", "audience"),
        ("PASSWORD_PEPPER", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
    ])
}

/// How a client sends a token, and where it gets one if a function of this API issues tokens. `None` if no operation
/// takes one.
fn security_scheme(document: &OpenApi) -> Option<SecurityScheme> {
    let mut operations = document.paths.paths.values().flat_map(operations);
    operations.find(|operation| operation.security.as_ref().is_some_and(|needed| !needed.is_empty()))?;
    // part of auth
    if document.paths.paths.contains_key("/auth/login") {
        return Some(SecurityScheme::OAuth2(password_flow()));
    }
    // end of part
    Some(SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build()))
}

// part of auth
/// The password grant (RFC 6749 §4.3), with URLs relative to the server.
fn password_flow() -> OAuth2 {
    let flow = Password::with_refresh_url("auth/login", Scopes::new(), "auth/refresh");
    OAuth2::with_description([Flow::Password(flow)], WHO_MAY_SIGN_IN)
}
// end of part

fn operations(item: &PathItem) -> impl Iterator<Item = &Operation> {
    let PathItem { get, put, post, delete, .. } = item;
    [get, put, post, delete].into_iter().flatten()
}
