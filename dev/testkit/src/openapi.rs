//! The whole API as one `OpenAPI` document, from the attributes on the handlers.

use shared::lambda::function::Function;
use shared::http::openapi;
use utoipa::openapi::security::{Flow, OAuth2, Password, Scopes, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, Info, License, OpenApi, OpenApiBuilder, Server, Tag};

/// What holds for every operation, in Markdown.
const ABOUT: &str = "\
Books, with sign-in, roles, rate limits and brute-force protection.

* Every error is a problem document (RFC 9457); its `errors` name all fields that are wrong, at once.
* A path with a final `/` is the same resource. `HEAD` is answered wherever `GET` is, `OPTIONS` everywhere; another \
  method is a 405 with `Allow`.
* Every quota that was counted is in `RateLimit` and `RateLimit-Policy`; after a 429, wait as long as `Retry-After` says.
* A 500 is a mistake of ours. Its `request_id` finds the cause in the log.";

const TAGS: [(&str, &str); 5] = [
    ("auth", "Accounts, sign-in, sessions"),
    ("books", "The books"),
    ("system", "Health, and this description"),
    ("rl-demo", "A playground for the rate limiter"),
    ("bf-demo", "A playground for brute-force protection"),
];

/// Relative to the document itself (`OpenAPI` 3.1 §4.8.5), so that it holds under every host and stage.
const HERE: &str = ".";

/// The document that `openapi.json` holds.
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
        .tags(Some(
            TAGS.map(|(name, description)| Tag::builder().name(name).description(Some(description)).build()),
        ))
        .components(Some(components.build()))
        .build();
    for operations in all() {
        document.merge(operations);
    }
    openapi::complete(&mut document);
    document
}

/// The document as it is written: indented, with a line end at the end.
///
/// # Panics
/// Never: a document is made of strings and maps.
#[must_use]
pub fn openapi_json() -> String {
    openapi().to_pretty_json().expect("a document serialises") + "\n"
}

fn all() -> [OpenApi; 5] {
    [
        operations::<auth::App>(),
        operations::<bf_demo::App>(),
        operations::<books::App>(),
        operations::<rl_demo::App>(),
        operations::<system::App>(),
    ]
}

/// The operations of one function.
pub(crate) fn operations<F: Function>() -> OpenApi {
    F::routes().into_openapi()
}

/// RFC 6749 §4.3, on our own endpoints, relative to the server.
fn password_flow() -> OAuth2 {
    let flow = Password::with_refresh_url("auth/login", Scopes::new(), "auth/refresh");
    OAuth2::new([Flow::Password(flow)])
}
