//! The layer that a route opts into: claims a request by its key, and keeps or gives back the answer.

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
use shared::http::problem::Writer;
use shared::http::{Caller, ClientIp, Error, Result};
use shared::identity::tokens::Verifier;
use shared::stores::idempotent_write::Ticket;
use shared::stores::postgres::Postgres;

use crate::Idempotency;
use crate::key::{HEADER, Key};
use crate::record::{Answer, Meaning, marked_as_replayed};
use crate::table::{Claim, Claimed, Wish};

type Answering = Pin<Box<dyn Future<Output = Response> + Send>>;

/// Whose keys are kept apart from everybody else's.
#[derive(Clone)]
pub enum Scope {
    /// A user's; who is not signed in is refused before anything else is looked at.
    User(Verifier, Postgres),
    /// A network's: an IPv4 address' or an IPv6 /64's.
    Network,
}

/// How long a request may take where nobody says when it will be ended: as long as API Gateway waits.
const LONGEST_REQUEST: Duration = Duration::from_secs(30);

/// A layer that does what a `POST` with an `Idempotency-Key` asks for once, however often it comes. Belongs inside of
/// the rate limit: repetitions count like any request.
pub fn idempotent(
    idempotency: &Idempotency,
    scope: Scope,
) -> FromFnLayer<impl Fn(Request, Next) -> Answering + Clone + Send + Sync + 'static, (), (Request,)> {
    let rule = Arc::new((idempotency.clone(), scope));
    from_fn(move |request: Request, next: Next| -> Answering {
        if request.method() == Method::POST && request.headers().contains_key(HEADER) {
            let rule = rule.clone();
            Box::pin(async move {
                let (idempotency, scope) = &*rule;
                let answer = answer_once(idempotency, scope, request, next).await;
                answer.unwrap_or_else(IntoResponse::into_response)
            })
        } else {
            Box::pin(next.run(request))
        }
    })
}

async fn answer_once(
    idempotency: &Idempotency,
    scope: &Scope,
    request: Request,
    next: Next,
) -> Result<Response> {
    let (writer, now) = (Writer::of(&request), now());
    let deadline = deadline(&request, now);
    let (mut parts, body) = request.into_parts();
    let caller = scope.identify(&mut parts).await?;
    let key = Key::of(&parts.headers)?;
    let body = to_bytes(body, LARGEST_BODY).await.map_err(|_| Error::TooLarge(LARGEST_BODY))?;
    let route = parts.extensions.get::<MatchedPath>().map(|route| route.as_str().to_owned());
    let operation = [parts.method.as_str(), route.as_deref().unwrap_or_default()];
    let ticket = idempotency.ticket(&caller, operation, &key, &body);
    parts.extensions.insert(ticket.clone());
    let request = Request::from_parts(parts, Body::from(body));

    let claimed = match idempotency.claim(&ticket, now, deadline).await {
        Outcome::Claimed(claimed) => Some(claimed),
        Outcome::Answered(response) => return Ok(response),
        Outcome::Refused(error) => return Err(error),
        Outcome::Unknown => None,
    };
    let response = next.run(request).await;
    let response = if ticket.is_repetition() { marked_as_replayed(response) } else { response };
    match claimed {
        Some(claimed) => idempotency.settle(claimed, response, &writer).await,
        None => Ok(response),
    }
}

impl Scope {
    /// Who asks, as part of what names the request.
    async fn identify(&self, parts: &mut Parts) -> Result<String> {
        match self {
            Self::User(verifier, postgres) => {
                let Caller(user) = Caller::identify(parts, verifier, postgres).await?;
                Ok(format!("user:{}", user.user_id))
            }
            Self::Network => {
                let Ok(network) = ClientIp::from_request_parts(parts, &()).await;
                Ok(format!("network:{network}"))
            }
        }
    }
}

/// What the table says to a request.
enum Outcome {
    Claimed(Claimed),
    Answered(Response),
    Refused(Error),
    /// Nothing of use: the row beside what is written has to hold the promise alone.
    Unknown,
}

impl Idempotency {
    async fn claim(&self, ticket: &Ticket, now: u64, deadline: u64) -> Outcome {
        let (Some(id), Some(validation)) = (ticket.id(), ticket.validation()) else {
            return Outcome::Unknown;
        };
        match self.table.claim(Wish { id, validation, now, deadline }).await {
            Ok(Claim::Ours(claimed)) => Outcome::Claimed(claimed),
            Ok(Claim::Held(held)) => match held.meaning(validation) {
                Meaning::Answered(response) => Outcome::Answered(response),
                Meaning::Refused(error) => Outcome::Refused(error),
                Meaning::Damaged => {
                    tracing::error!(id, "an idempotency record is damaged; went on without it");
                    Outcome::Unknown
                }
            },
            Err(error) => {
                tracing::warn!(%error, "went on without an idempotency record");
                Outcome::Unknown
            }
        }
    }

    /// Keeps an answer that stands for good, and lets everything else be tried again. Whether that works or not, the
    /// caller gets the answer.
    async fn settle(&self, claimed: Claimed, response: Response, writer: &Writer) -> Result<Response> {
        // Another body has this key's answer, and only the database knew.
        let reused = response.extensions().get::<Error>() == Some(&Error::KeyReused);
        let (settled, response) = if is_final(response.status()) && !reused {
            let (parts, body) = writer.write(response).into_parts();
            let body =
                to_bytes(body, usize::MAX).await.map_err(|error| Error::Internal(error.to_string()))?;
            let settled = match Answer::of(&parts, &body) {
                Some(answer) => self.table.complete(&claimed, &answer).await,
                None => self.table.release(&claimed).await,
            };
            (settled, Response::from_parts(parts, Body::from(body)))
        } else {
            (self.table.release(&claimed).await, response)
        };
        if let Err(error) = settled {
            tracing::warn!(%error, "an idempotency record was not settled");
        }
        Ok(response)
    }
}

/// In milliseconds since 1970, as Lambda counts.
fn now() -> u64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX)
}

/// When Lambda will end this invocation, if it says so. A claim counts until then.
fn deadline(request: &Request, now: u64) -> u64 {
    let told = request.lambda_context_ref().map(|context| context.deadline).filter(|deadline| *deadline > 0);
    told.unwrap_or_else(|| now + LONGEST_REQUEST.as_secs() * 1000)
}
