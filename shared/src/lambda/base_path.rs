//! The path below which a client reaches the API, a stage for instance, in the responses that it gets.
//!
//! Functions know the paths of their routes only, and a stored response is replayed below whatever stage the client
//! repeats its request. So `Location` has the path of a route in all layers, and the base path is put before it last.

use axum::http::HeaderValue;
use axum::http::header::LOCATION;
use axum::response::Response;

/// `response`, whose `Location` leads below `base_path`. A target that is not a path of this API stays as it is.
pub(super) fn prefix_location(mut response: Response, base_path: &str) -> Response {
    let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
    let path = location.filter(|location| location.starts_with('/') && !location.starts_with("//"));
    let below = path.and_then(|path| HeaderValue::try_from(format!("{base_path}{path}")).ok());
    if let Some(below) = below {
        response.headers_mut().insert(LOCATION, below);
    }
    response
}
