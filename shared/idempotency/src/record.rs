//! The records of the table, with the attribute names of Powertools for AWS Lambda.
//!
//! A record is `INPROGRESS` while its owner handles the request, and `COMPLETED` with the stored response after it.
//! A repeated request sees an existing record as a [`RecordState`]: the stored response is replayed, or the
//! repetition is refused, because the request is still in progress or the key was used for another body.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;
use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderName, LOCATION};
use axum::http::{HeaderValue, StatusCode, response};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use shared::http::Error;

/// The partition key: the id of the request.
pub(crate) const ID: &str = "id";
/// [`IN_PROGRESS`] or [`COMPLETED`].
pub(crate) const STATUS: &str = "status";
/// When the record expires, in seconds since 1970: the table's TTL attribute.
pub(crate) const EXPIRATION: &str = "expiration";
/// When Lambda will have ended the owner, in milliseconds since 1970. The record can be claimed again after it.
pub(crate) const IN_PROGRESS_EXPIRATION: &str = "in_progress_expiration";
/// The stored response, in the format of a Lambda response to API Gateway.
pub(crate) const DATA: &str = "data";
/// The fingerprint of the payload, which tells two requests with the same key apart.
pub(crate) const VALIDATION: &str = "validation";
/// The owner's random id, for fencing. Powertools has no such attribute.
pub(crate) const OWNER: &str = "owner";

/// A status: the owner is handling the request.
pub(crate) const IN_PROGRESS: &str = "INPROGRESS";
/// A status: the response is stored.
pub(crate) const COMPLETED: &str = "COMPLETED";

/// The response headers that are stored. The others belong to the exchange and are made anew for each.
const STORED_HEADERS: [HeaderName; 4] = [CONTENT_TYPE, LOCATION, ETAG, CACHE_CONTROL];

/// The header that marks a replayed response.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// A record that an earlier request has left.
#[derive(Debug)]
pub(crate) struct ExistingRecord(HashMap<String, AttributeValue>);

/// The state of an existing record, as a repeated request sees it.
#[derive(Debug)]
pub(crate) enum RecordState {
    /// The request was completed; the response to replay.
    Completed(Response),
    /// The request is still in progress, or the key was used for another body; this error says which.
    Conflicting(Error),
    /// The record is not readable.
    Corrupt,
}

/// A response as it is stored.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StoredResponse {
    status_code: u16,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: String,
}

/// The largest body that is stored, in bytes: twice that of the largest book. Whoever sends nonsense must not fill the
/// table.
const LARGEST_STORED: usize = 8 * 1024;

impl ExistingRecord {
    pub(crate) fn new(attributes: HashMap<String, AttributeValue>) -> Self {
        Self(attributes)
    }

    /// Tells whether the record is in progress and `owner` owns it.
    pub(crate) fn is_owned_by(&self, owner: &str) -> bool {
        self.text(OWNER) == Some(owner) && self.text(STATUS) == Some(IN_PROGRESS)
    }

    /// The state for a request with this `validation`. A record that Powertools made may have none.
    pub(crate) fn state(&self, validation: &str) -> RecordState {
        if self.text(VALIDATION).is_some_and(|stored| stored != validation) {
            return RecordState::Conflicting(Error::KeyReused);
        }
        match self.text(STATUS) {
            Some(IN_PROGRESS) => RecordState::Conflicting(Error::InProgress),
            Some(COMPLETED) => {
                let stored =
                    self.text(DATA).and_then(|data| serde_json::from_str::<StoredResponse>(data).ok());
                stored.and_then(StoredResponse::replay).map_or(RecordState::Corrupt, RecordState::Completed)
            }
            _ => RecordState::Corrupt,
        }
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_s().ok().map(String::as_str)
    }
}

impl StoredResponse {
    /// Takes what is stored of a response; `None` if its body is too large or not UTF-8. Such a response is made again:
    /// it follows from the body of the request and from what is written beside the record.
    pub(crate) fn of(parts: &response::Parts, body: &[u8]) -> Option<Self> {
        if body.len() > LARGEST_STORED {
            return None;
        }
        let headers = STORED_HEADERS.iter().filter_map(|name| {
            let value = parts.headers.get(name)?.to_str().ok()?;
            Some((name.to_string(), value.to_owned()))
        });
        let body = str::from_utf8(body).ok()?.to_owned();
        Some(Self { status_code: parts.status.as_u16(), headers: headers.collect(), body })
    }

    /// The value of the attribute [`DATA`].
    pub(crate) fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }

    /// Builds the response again, marked as replayed; `None` if its status is not valid.
    fn replay(self) -> Option<Response> {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = StatusCode::from_u16(self.status_code).ok()?;
        for (name, value) in &self.headers {
            let stored = STORED_HEADERS.iter().find(|stored| name.eq_ignore_ascii_case(stored.as_str()));
            if let (Some(name), Ok(value)) = (stored, HeaderValue::from_str(value)) {
                response.headers_mut().insert(name, value);
            }
        }
        Some(marked_as_replayed(response))
    }
}

/// Adds the header that marks a response as replayed.
pub(crate) fn marked_as_replayed(mut response: Response) -> Response {
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_body_is_not_stored() {
        let (parts, ()) = Response::new(()).into_parts();
        assert!(StoredResponse::of(&parts, &[b'x'; LARGEST_STORED]).is_some());
        assert!(StoredResponse::of(&parts, &[b'x'; LARGEST_STORED + 1]).is_none());
        assert!(StoredResponse::of(&parts, b"\xff").is_none());
    }
}
