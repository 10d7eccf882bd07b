//! A record as it stands in the table, with the attribute names of Powertools for AWS Lambda.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;
use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderName, LOCATION};
use axum::http::{HeaderValue, StatusCode, response};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use shared::http::Error;

/// The hash key.
pub(crate) const ID: &str = "id";
/// [`IN_PROGRESS`] or [`COMPLETED`].
pub(crate) const STATUS: &str = "status";
/// When the record is over, in seconds since 1970: the table's TTL attribute.
pub(crate) const EXPIRATION: &str = "expiration";
/// When its owner will have been ended, in milliseconds since 1970.
pub(crate) const IN_PROGRESS_EXPIRATION: &str = "in_progress_expiration";
/// The answer, in the form of Lambda's answer to API Gateway.
pub(crate) const DATA: &str = "data";
/// What tells requests of one key apart.
pub(crate) const VALIDATION: &str = "validation";
/// Who is doing it; not an attribute of Powertools, which has no fence.
pub(crate) const OWNER: &str = "owner";

/// A status: somebody is doing it.
pub(crate) const IN_PROGRESS: &str = "INPROGRESS";
/// A status: it is done.
pub(crate) const COMPLETED: &str = "COMPLETED";

/// The headers that belong to the answer and not to the request that brought it.
const KEPT: [HeaderName; 4] = [CONTENT_TYPE, LOCATION, ETAG, CACHE_CONTROL];

/// Says that an answer was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// A record that was there already.
#[derive(Debug)]
pub(crate) struct Held(HashMap<String, AttributeValue>);

/// What a record that was there already means for a request.
#[derive(Debug)]
pub(crate) enum Meaning {
    /// It was answered.
    Answered(Response),
    /// It is refused.
    Refused(Error),
    /// The record makes no sense.
    Damaged,
}

/// An answer as it is kept.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Answer {
    status_code: u16,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: String,
}

impl Held {
    pub(crate) fn new(attributes: HashMap<String, AttributeValue>) -> Self {
        Self(attributes)
    }

    /// Whether `owner` is doing it: then its claim went well, and only the news of that was lost.
    pub(crate) fn is_of(&self, owner: &str) -> bool {
        self.text(OWNER) == Some(owner) && self.text(STATUS) == Some(IN_PROGRESS)
    }

    /// What the record means for a request with this `validation`. One by Powertools may have none.
    pub(crate) fn meaning(&self, validation: &str) -> Meaning {
        if self.text(VALIDATION).is_some_and(|kept| kept != validation) {
            return Meaning::Refused(Error::KeyReused);
        }
        match self.text(STATUS) {
            Some(IN_PROGRESS) => Meaning::Refused(Error::InProgress),
            Some(COMPLETED) => {
                let answer = self.text(DATA).and_then(|data| serde_json::from_str::<Answer>(data).ok());
                answer.and_then(Answer::give_again).map_or(Meaning::Damaged, Meaning::Answered)
            }
            _ => Meaning::Damaged,
        }
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_s().ok().map(String::as_str)
    }
}

impl Answer {
    /// What is kept of an answer; `None` if its body is no text.
    pub(crate) fn of(parts: &response::Parts, body: &[u8]) -> Option<Self> {
        let kept = KEPT.iter().filter_map(|name| {
            let value = parts.headers.get(name)?.to_str().ok()?;
            Some((name.to_string(), value.to_owned()))
        });
        let body = str::from_utf8(body).ok()?.to_owned();
        Some(Self { status_code: parts.status.as_u16(), headers: kept.collect(), body })
    }

    /// The answer as the attribute holds it.
    pub(crate) fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }

    /// The answer once more; `None` if it has no possible status.
    fn give_again(self) -> Option<Response> {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = StatusCode::from_u16(self.status_code).ok()?;
        for (name, value) in &self.headers {
            let kept = KEPT.iter().find(|kept| name.eq_ignore_ascii_case(kept.as_str()));
            if let (Some(name), Ok(value)) = (kept, HeaderValue::from_str(value)) {
                response.headers_mut().insert(name, value);
            }
        }
        Some(marked_as_replayed(response))
    }
}

/// `response` with the header that says that it was given before.
pub(crate) fn marked_as_replayed(mut response: Response) -> Response {
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    response
}
