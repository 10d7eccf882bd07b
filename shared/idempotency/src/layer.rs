//! The middleware that a route opts into: claims a request by its key, and stores or replays the response.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::body::{Body, to_bytes};
use axum::extract::{FromRequestParts as _, MatchedPath, Request};
use axum::http::Method;
use axum::http::request::Parts;
use axum::middleware::{FromFnLayer, Next, from_fn};
use axum::response::{IntoResponse, Response};
use lambda_http::RequestExt as _;
use shared::http::error::is_final;
use shared::http::extract::LARGEST_BODY;
use shared::http::problem::ProblemRenderer;
use shared::http::{Authenticator, ClientNetwork, Error, Result};
use shared::stores::idempotent_write::IdempotencyToken;
use shared::telemetry::metrics::{self, Metric};

use crate::key::{HEADER, Key};
use crate::record::{RecordState, StoredResponse, marked_as_replayed};
use crate::state::Idempotency;
use crate::table::{Claim, ClaimRequest, Ownership};

type ResponseFuture = Pin<Box<dyn Future<Output = Response> + Send>>;

/// The scope of a key: the same key in two scopes names two requests.
#[derive(Clone)]
pub enum Scope {
    /// Each user has keys of their own. A client without a user is refused before anything else is looked at.
    User(Authenticator),
    /// Each network, an IPv4 address or an IPv6 /64, has keys of its own for each subject.
    Network {
        /// Finds the subject in a body, such as the name of an account; `None` where a body has none. With the
        /// subject in the name of the request, a key tells a neighbour nothing about somebody else's request.
        subject: fn(&[u8]) -> Option<String>,
    },
    /// Each client that the function finds has keys of its own: for an API that knows its clients otherwise.
    Client(fn(&Parts) -> Result<String>),
}

/// How long a request may take where Lambda gives no deadline: as long as API Gateway waits.
const LONGEST_REQUEST: Duration = Duration::from_secs(30);

/// A layer that does what a `POST` with an `Idempotency-Key` asks for once, however often it comes. Belongs inside of
/// the rate limit: repetitions count like any request.
pub fn idempotent(
    idempotency: &Idempotency,
    scope: Scope,
) -> FromFnLayer<impl Fn(Request, Next) -> ResponseFuture + Clone + Send + Sync + 'static, (), (Request,)> {
    let rule = Arc::new((idempotency.clone(), scope));
    from_fn(move |request: Request, next: Next| -> ResponseFuture {
        if request.method() == Method::POST && request.headers().contains_key(HEADER) {
            let rule = rule.clone();
            Box::pin(async move {
                let (idempotency, scope) = &*rule;
                let response = respond_once(idempotency, scope, request, next).await;
                response.unwrap_or_else(IntoResponse::into_response)
            })
        } else {
            Box::pin(next.run(request))
        }
    })
}

async fn respond_once(
    idempotency: &Idempotency,
    scope: &Scope,
    request: Request,
    next: Next,
) -> Result<Response> {
    let (renderer, now) = (ProblemRenderer::of(&request), now());
    let deadline = deadline(&request, now);
    let (mut parts, body) = request.into_parts();
    let client = scope.identify(&mut parts).await?;
    let key = Key::from_headers(&parts.headers)?;
    let body = to_bytes(body, LARGEST_BODY).await.map_err(|_| Error::TooLarge(LARGEST_BODY))?;
    let client = [client, scope.subject(&body).unwrap_or_default()];
    let route = parts.extensions.get::<MatchedPath>().map(|route| route.as_str().to_owned());
    let operation = [parts.method.as_str(), route.as_deref().unwrap_or_default()];
    let token = idempotency.token(client.each_ref().map(String::as_str), operation, &key, &body);
    parts.extensions.insert(token.clone());
    let request = Request::from_parts(parts, Body::from(body));

    let ownership = match idempotency.claim(&token, now, deadline).await {
        NextStep::Run(ownership) => ownership,
        NextStep::Replay(response) => return Ok(response),
        NextStep::Reject(error) => return Err(error),
    };
    let response = next.run(request).await;
    let response = if token.is_replay() { marked_as_replayed(response) } else { response };
    match ownership {
        Some(ownership) => idempotency.end(ownership, response, &renderer).await,
        None => Ok(response),
    }
}

impl Scope {
    /// The name of the client, which becomes part of the id of its request.
    async fn identify(&self, parts: &mut Parts) -> Result<String> {
        match self {
            Self::User(authenticator) => {
                let user = authenticator.identify(parts).await?;
                Ok(format!("user:{}", user.user_id))
            }
            Self::Network { .. } => {
                let Ok(network) = ClientNetwork::from_request_parts(parts, &()).await;
                Ok(format!("network:{network}"))
            }
            Self::Client(name) => Ok(format!("client:{}", name(parts)?)),
        }
    }

    fn subject(&self, body: &[u8]) -> Option<String> {
        match self {
            Self::User(_) | Self::Client(_) => None,
            Self::Network { subject } => subject(body),
        }
    }
}

/// The next step for a request with a key.
enum NextStep {
    /// The handler runs. Without ownership of a record, the row beside what it writes makes the write idempotent.
    Run(Option<Ownership>),
    Replay(Response),
    Reject(Error),
}

impl Idempotency {
    async fn claim(&self, token: &IdempotencyToken, now: u64, deadline: u64) -> NextStep {
        let (Some(id), Some(validation)) = (token.id(), token.validation()) else {
            return NextStep::Run(None);
        };
        match self.table.claim(ClaimRequest { id, validation, now, deadline }).await {
            Ok(Claim::Acquired(ownership)) => NextStep::Run(Some(ownership)),
            Ok(Claim::Existing(record)) => match record.state(validation) {
                RecordState::Completed(response) => NextStep::Replay(response),
                RecordState::Conflicting(error) => NextStep::Reject(error),
                RecordState::Corrupt => {
                    tracing::error!(id, "an idempotency record is damaged; went on without it");
                    NextStep::Run(None)
                }
            },
            Err(error) => {
                metrics::count(Metric::UnrecordedWrites);
                tracing::warn!(%error, "went on without an idempotency record");
                NextStep::Run(None)
            }
        }
    }

    /// Stores a final response, and releases the record after any other, so that the request can be tried again. The
    /// client gets the response even if that fails.
    async fn end(
        &self,
        ownership: Ownership,
        response: Response,
        renderer: &ProblemRenderer,
    ) -> Result<Response> {
        // The key was used for another body, and only the database knew it: this response must not be replayed.
        let reused = response.extensions().get::<Error>() == Some(&Error::KeyReused);
        let (ended, response) = if is_final(response.status()) && !reused {
            let (parts, body) = renderer.render(response).into_parts();
            let body =
                to_bytes(body, usize::MAX).await.map_err(|error| Error::Internal(error.to_string()))?;
            let ended = match StoredResponse::of(&parts, &body) {
                Some(stored) => self.table.complete(&ownership, &stored).await,
                None => self.table.release(&ownership).await,
            };
            (ended, Response::from_parts(parts, Body::from(body)))
        } else {
            (self.table.release(&ownership).await, response)
        };
        if let Err(error) = ended {
            tracing::warn!(%error, "an idempotency record was not settled");
        }
        Ok(response)
    }
}

/// The current time in milliseconds since 1970, the unit of Lambda's deadline.
fn now() -> u64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX)
}

/// When Lambda will end this invocation, in milliseconds since 1970. A claim expires then.
fn deadline(request: &Request, now: u64) -> u64 {
    let deadline =
        request.lambda_context_ref().map(|context| context.deadline).filter(|deadline| *deadline > 0);
    deadline.unwrap_or_else(|| now + LONGEST_REQUEST.as_secs() * 1000)
}
