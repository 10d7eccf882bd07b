//! The whole API as one `OpenAPI` document, from the attributes on the handlers.

use shared::fields::FieldError;
use shared::function::Function;
use shared::http::problem::Problem;
use utoipa::openapi::security::{Flow, OAuth2, Password, Scopes, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, Info, License, OpenApi, OpenApiBuilder};
use utoipa::{PartialSchema as _, ToSchema as _};

/// The document that `openapi.json` holds.
#[must_use]
pub fn openapi() -> OpenApi {
    let license = License::builder().name("MIT OR Apache-2.0").identifier(Some("MIT OR Apache-2.0"));
    let info = Info::builder()
        .title("Bookshelf")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some("Books, with sign-in, roles, rate limits and brute-force protection."))
        .license(Some(license.build()));
    let components = ComponentsBuilder::new()
        .schema(Problem::name(), Problem::schema())
        .schema(FieldError::name(), FieldError::schema())
        .security_scheme("password", SecurityScheme::OAuth2(password_flow()));
    let mut document = OpenApiBuilder::new().info(info.build()).components(Some(components.build())).build();
    for operations in all() {
        document.merge(operations);
    }
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

/// RFC 6749 §4.3, on our own endpoints.
fn password_flow() -> OAuth2 {
    let flow = Password::with_refresh_url("/auth/login", Scopes::new(), "/auth/refresh");
    OAuth2::new([Flow::Password(flow)])
}
