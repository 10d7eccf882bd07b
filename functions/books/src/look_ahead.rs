//! The cache is asked while the limiter is: both trips of a request travel together.

use std::sync::{Arc, Mutex};

use axum::Extension;
use axum::extract::{FromRequestParts, Request};
use axum::http::Method;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::Response;
use shared::cache::LookUp;
use shared::http::{Error, Query};

use crate::App;
use crate::listing::Listing;

/// A look-up on its way to the handler. Extensions are cloned, and it is for one reader: the first who takes it.
#[derive(Clone)]
struct OnItsWay(Arc<Mutex<Option<LookUp>>>);

/// The look-up that [`look_ahead`] began.
pub(crate) struct Begun(pub(crate) LookUp);

/// A layer outside the quota. Whoever is refused takes nothing: the look-up is dropped with the request, and it has
/// not even begun where the limiter answers from memory.
pub(crate) async fn look_ahead(Extension(app): Extension<App>, mut request: Request, next: Next) -> Response {
    let reads = [Method::GET, Method::HEAD].contains(request.method());
    if let (true, Ok(Query(listing))) = (reads, Query::<Listing>::from_uri(request.uri())) {
        let look_up = OnItsWay(Arc::new(Mutex::new(Some(app.store.look_up(&listing)))));
        request.extensions_mut().insert(look_up);
    }
    next.run(request).await
}

impl<S: Sync> FromRequestParts<S> for Begun {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        let begun = parts.extensions.remove::<OnItsWay>();
        let look_up = begun.and_then(|OnItsWay(look_up)| look_up.lock().ok()?.take());
        look_up.map(Self).ok_or_else(|| Error::Internal("no look-up was begun".to_owned()))
    }
}
