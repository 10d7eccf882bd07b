//! The whole API as one `OpenAPI` document, from the attributes on the handlers.

use shared::config::{Env, Error};
use shared::http::openapi;
use shared::identity::{passwords, tokens};
use shared::lambda::function::Function;
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
        .tags(Some(
            TAGS.map(|(name, description)| Tag::builder().name(name).description(Some(description)).build()),
        ))
        .components(Some(components.build()))
        .build();
    for operations in all(&throw_away_env()).expect("the functions start with these variables") {
        document.merge(operations);
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

fn all(env: &Env) -> Result<[OpenApi; 5], Error> {
    Ok([
        operations::<auth::App>(env)?,
        operations::<bf_demo::App>(env)?,
        operations::<books::App>(env)?,
        operations::<rl_demo::App>(env)?,
        operations::<system::App>(env)?,
    ])
}

/// The operations of one function.
pub(crate) fn operations<F: Function>(env: &Env) -> Result<OpenApi, Error> {
    Ok(F::from_env(env)?.routes().into_openapi())
}

/// Variables with which every function starts, but serves nothing: a description needs no store.
fn throw_away_env() -> Env {
    let keys = tokens::generate();
    Env::of([
        ("DATABASE_URL", "postgres://nobody:nothing@127.0.0.1:1/nothing".to_owned()),
        ("REDIS_URL", "redis://127.0.0.1:1/".to_owned()),
        ("JWT_PRIVATE_KEY", keys.private_pem),
        ("JWT_PUBLIC_KEYS", keys.public_jwks),
        ("JWT_ISSUER", "nobody".to_owned()),
        ("JWT_AUDIENCE", "nobody".to_owned()),
        ("PASSWORD_PEPPER", passwords::new_pepper()),
        ("IDEMPOTENCY_TABLE", "nothing".to_owned()),
        ("AWS_REGION", "nowhere".to_owned()),
        ("AWS_ACCESS_KEY_ID", "nobody".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "nothing".to_owned()),
    ])
}

/// RFC 6749 §4.3, on our own endpoints, relative to the server.
fn password_flow() -> OAuth2 {
    let flow = Password::with_refresh_url("auth/login", Scopes::new(), "auth/refresh");
    OAuth2::new([Flow::Password(flow)])
}
