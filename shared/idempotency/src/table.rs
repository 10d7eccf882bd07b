//! The table in `DynamoDB`: one conditional write claims a request, another completes or releases it.
//!
//! A claim puts a record with the status `INPROGRESS` under the request's id, on condition that there is none that
//! still counts; so of many concurrent claims one succeeds. If the condition fails, `DynamoDB` returns the existing
//! record in the same response. Each claim has a random owner. Completing and releasing check it, so a slow request
//! whose claim expired cannot change the record of its successor (fencing).

use std::sync::OnceLock;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use shared::config::{self, Env};
use shared::stores::describe::describe;
use shared::stores::iam::AwsCredentials;
use tokio::time::timeout;
use uuid::Uuid;

use crate::client;
use crate::record::{
    COMPLETED, DATA, EXPIRATION, ExistingRecord, ID, IN_PROGRESS, IN_PROGRESS_EXPIRATION, OWNER, STATUS,
    StoredResponse, VALIDATION,
};

/// The timeout of a claim, building the client and all attempts included. A request goes on without a claim after it.
const CLAIM_TIMEOUT: Duration = Duration::from_secs(1);
/// The timeout of completing or releasing. The response waits for it.
const END_TIMEOUT: Duration = Duration::from_millis(500);

/// The lifetime of a record in milliseconds: 24 hours.
const RECORD_TTL_MS: u64 = 24 * 60 * 60 * 1000;

/// The variable that names the table.
const VARIABLE: &str = "IDEMPOTENCY_TABLE";

/// The table, and the client that it is reached with.
pub(crate) struct Table {
    name: String,
    credentials: AwsCredentials,
    endpoint: Option<String>,
    client: OnceLock<Client>,
}

/// The result of a claim.
#[derive(Debug)]
pub(crate) enum Claim {
    /// This request owns the record now.
    Acquired(Ownership),
    /// There is a record that still counts.
    Existing(ExistingRecord),
}

/// The ownership of a record, which the request has to end by completing or releasing it.
#[derive(Debug)]
#[must_use = "an acquired record must be completed or released"]
pub(crate) struct Ownership {
    id: String,
    owner: String,
    expiration: u64,
}

/// The request that a claim is for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClaimRequest<'a> {
    pub(crate) id: &'a str,
    pub(crate) validation: &'a str,
    /// The current time in milliseconds since 1970.
    pub(crate) now: u64,
    /// When Lambda will have ended this request, in milliseconds since 1970. The claim expires then.
    pub(crate) deadline: u64,
}

/// The table gave no usable response in time. The text is for the log.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("dynamodb gave no answer in time")]
    TimedOut,
    #[error("dynamodb: {0}")]
    Failed(String),
    /// The claim expired, and another request has claimed the record since.
    #[error("the record has another owner by now")]
    OwnershipLost,
}

impl Table {
    pub(crate) fn from_env(env: &Env) -> Result<Self, config::Error> {
        let name = env.required(VARIABLE)?;
        if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte)) {
            return Err(config::Error::invalid(VARIABLE, "is not the name of a table"));
        }
        Ok(Self {
            name: name.to_owned(),
            credentials: AwsCredentials::from_env(env)?,
            endpoint: env.optional("AWS_ENDPOINT_URL_DYNAMODB").map(str::to_owned),
            client: OnceLock::new(),
        })
    }

    /// Claims a request, unless there is a record that still counts.
    pub(crate) async fn claim(&self, request: ClaimRequest<'_>) -> Result<Claim, Error> {
        let owner = Uuid::new_v4().to_string();
        let result = timeout(CLAIM_TIMEOUT, self.put(request, &owner)).await.map_err(|_| Error::TimedOut)?;
        let acquired = |owner| {
            let (id, expiration) = (request.id.to_owned(), expiration(request.now));
            Claim::Acquired(Ownership { id, owner, expiration })
        };
        match result {
            Ok(()) => Ok(acquired(owner)),
            Err(error) => {
                let existing = existing_record(&error).ok_or_else(|| failed(&error))?;
                // An earlier attempt of this claim succeeded, and only its response was lost.
                Ok(if existing.is_owned_by(&owner) { acquired(owner) } else { Claim::Existing(existing) })
            }
        }
    }

    async fn put(&self, request: ClaimRequest<'_>, owner: &str) -> Result<(), SdkError<PutItemError>> {
        // The condition that Powertools uses.
        const IS_FREE: &str = "attribute_not_exists(#id) or #expiration < :now or (#status = :in_progress and \
            attribute_exists(#in_progress_expiration) and #in_progress_expiration < :now_ms)";
        let put = self.client().put_item().table_name(&self.name);
        put.item(ID, text(request.id))
            .item(STATUS, text(IN_PROGRESS))
            .item(EXPIRATION, number(expiration(request.now)))
            .item(IN_PROGRESS_EXPIRATION, number(request.deadline))
            .item(VALIDATION, text(request.validation))
            .item(OWNER, text(owner))
            .condition_expression(IS_FREE)
            .expression_attribute_names("#id", ID)
            .expression_attribute_names("#status", STATUS)
            .expression_attribute_names("#expiration", EXPIRATION)
            .expression_attribute_names("#in_progress_expiration", IN_PROGRESS_EXPIRATION)
            .expression_attribute_values(":in_progress", text(IN_PROGRESS))
            .expression_attribute_values(":now", number(request.now / 1000))
            .expression_attribute_values(":now_ms", number(request.now))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await
            .map(drop)
    }

    /// Stores the response in a record that is still owned.
    pub(crate) async fn complete(
        &self,
        ownership: &Ownership,
        response: &StoredResponse,
    ) -> Result<(), Error> {
        let data = response.to_json().map_err(|error| Error::Failed(error.to_string()))?;
        let update = self.client().update_item().table_name(&self.name).key(ID, text(&ownership.id));
        let update = update
            .update_expression("set #status = :completed, #data = :data, #expiration = :expiration")
            .condition_expression("#owner = :owner")
            .expression_attribute_names("#status", STATUS)
            .expression_attribute_names("#data", DATA)
            .expression_attribute_names("#expiration", EXPIRATION)
            .expression_attribute_names("#owner", OWNER)
            .expression_attribute_values(":completed", text(COMPLETED))
            .expression_attribute_values(":data", text(&data))
            .expression_attribute_values(":expiration", number(ownership.expiration))
            .expression_attribute_values(":owner", text(&ownership.owner));
        let result = timeout(END_TIMEOUT, update.send()).await.map_err(|_| Error::TimedOut)?;
        result.map(drop).map_err(|error| match error.as_service_error() {
            Some(error) if error.is_conditional_check_failed_exception() => Error::OwnershipLost,
            _ => failed(&error),
        })
    }

    /// Deletes a record that is still owned, so that the request can be claimed again.
    pub(crate) async fn release(&self, ownership: &Ownership) -> Result<(), Error> {
        let delete = self.client().delete_item().table_name(&self.name).key(ID, text(&ownership.id));
        let delete = delete
            .condition_expression("#owner = :owner")
            .expression_attribute_names("#owner", OWNER)
            .expression_attribute_values(":owner", text(&ownership.owner));
        let result = timeout(END_TIMEOUT, delete.send()).await.map_err(|_| Error::TimedOut)?;
        result.map(drop).map_err(|error| match error.as_service_error() {
            Some(error) if error.is_conditional_check_failed_exception() => Error::OwnershipLost,
            _ => failed(&error),
        })
    }

    /// The client, built on first use.
    fn client(&self) -> &Client {
        self.client.get_or_init(|| client::build(&self.credentials, self.endpoint.as_deref(), CLAIM_TIMEOUT))
    }
}

/// When a record that is made now expires, in seconds since 1970.
fn expiration(now: u64) -> u64 {
    (now + RECORD_TTL_MS) / 1000
}

/// The record because of which the condition of a claim failed.
fn existing_record(error: &SdkError<PutItemError>) -> Option<ExistingRecord> {
    match error.as_service_error()? {
        PutItemError::ConditionalCheckFailedException(failure) => {
            failure.item().cloned().map(ExistingRecord::new)
        }
        _ => None,
    }
}

/// The messages of the SDK's error and its sources. Its `Debug` would print the whole response.
fn failed<E: std::error::Error + 'static>(error: &SdkError<E>) -> Error {
    Error::Failed(describe(error))
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

fn number(value: u64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}
