//! The whole API as one `OpenAPI` document, from the attributes on the handlers.

use shared::config::Env;
use shared::http::openapi;
use utoipa::openapi::security::{Flow, OAuth2, Password, Scopes, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, Info, License, OpenApi, OpenApiBuilder, Server, Tag};

use crate::functions::{FUNCTIONS, Registered};

/// What holds for every operation, in Markdown.
const ABOUT: &str = "\
Books, with sign-in, roles, rate limits and brute-force protection.

* Every error is a problem document (RFC 9457); its `errors` name all fields that are wrong, at once.
* A path with a final `/` is the same resource. `HEAD` is answered wherever `GET` is, `OPTIONS` everywhere; another \
  method is a 405 with `Allow`.
* Every quota that was counted is in `RateLimit` and `RateLimit-Policy`; after a 429, wait as long as `Retry-After` says.
* A 500 is a mistake of ours. Its `request_id` finds the cause in the log.";

/// Relative to the document itself (`OpenAPI` 3.1 §4.8.5), so that it holds under every host and stage.
const HERE: &str = ".";

/// The document that `openapi.json` holds.
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
        .license(Some(license.build()));
    let components =
        ComponentsBuilder::new().security_scheme("password", SecurityScheme::OAuth2(password_flow()));
    let mut document = OpenApiBuilder::new()
        .info(info.build())
        .servers(Some([Server::new(HERE)]))
        .tags(Some(tags()))
        .components(Some(components.build()))
        .build();
    let env = variables();
    for function in &FUNCTIONS {
        document.merge(function.operations(&env).expect("the variables are all a function needs"));
    }
    openapi::complete(&mut document);
    document
}

/// The document as it is written: indented, with a line end at the end.
///
/// # Panics
/// As [`openapi`] does: a document itself is made of strings and maps.
#[must_use]
pub fn openapi_json() -> String {
    openapi().to_pretty_json().expect("a document serialises") + "\n"
}

/// One tag for each function, in the order in which a reader meets them.
fn tags() -> Vec<Tag> {
    const ORDER: [&str; 3] = ["auth", "books", "system"];
    let mut functions: Vec<_> = FUNCTIONS.iter().filter(|function| function.purpose.is_some()).collect();
    functions.sort_by_key(|function| {
        let place = ORDER.iter().position(|name| *name == function.name);
        (place.unwrap_or(ORDER.len()), std::cmp::Reverse(function.name))
    });
    let tag =
        |function: &&Registered| Tag::builder().name(function.name).description(function.purpose).build();
    functions.iter().map(tag).collect()
}

/// Values for all variables that a function can't do without. Nothing is connected to, so they lead nowhere.
fn variables() -> Env {
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

/// RFC 6749 §4.3, on our own endpoints, relative to the server.
fn password_flow() -> OAuth2 {
    let flow = Password::with_refresh_url("auth/login", Scopes::new(), "auth/refresh");
    OAuth2::new([Flow::Password(flow)])
}
