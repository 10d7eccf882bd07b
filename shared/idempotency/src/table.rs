//! The table in `DynamoDB`: one conditional write claims a request, another completes or releases it.

use std::iter;
use std::sync::OnceLock;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{
    BehaviorVersion, Config, Region, SharedHttpClient, StalledStreamProtectionConfig,
};
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use shared::config::{self, Env};
use shared::stores::iam::AwsCredentials;
use shared::stores::tls;
use tokio::time::timeout;
use uuid::Uuid;

use crate::record::{
    Answer, COMPLETED, DATA, EXPIRATION, Held, ID, IN_PROGRESS, IN_PROGRESS_EXPIRATION, OWNER, STATUS,
    VALIDATION,
};

/// The longest that a claim may take, building the client and all tries included: who waits longer goes on without.
const CLAIM_PATIENCE: Duration = Duration::from_secs(1);
/// The longest that completing or releasing may take: the answer waits for it.
const SETTLE_PATIENCE: Duration = Duration::from_millis(500);
/// The longest that one try may take: a connection that died in a freeze leaves time for a second.
const TRY_PATIENCE: Duration = Duration::from_millis(450);
const FIRST_PAUSE: Duration = Duration::from_millis(25);
/// A connection unused for longer is not used again.
const IDLE_LIMIT: Duration = Duration::from_secs(20);

/// How long a record counts, in milliseconds: 24 hours.
const LIFE_MS: u64 = 24 * 60 * 60 * 1000;

/// The variable that names the table.
const VARIABLE: &str = "IDEMPOTENCY_TABLE";

/// The table and the way to it.
pub(crate) struct Table {
    name: String,
    identity: AwsCredentials,
    endpoint: Option<String>,
    client: OnceLock<Client>,
}

/// What became of a claim.
#[derive(Debug)]
pub(crate) enum Claim {
    /// The request is ours.
    Ours(Claimed),
    /// There was a record.
    Held(Held),
}

/// A request that is ours to answer.
#[derive(Debug)]
#[must_use = "a claim is completed or released"]
pub(crate) struct Claimed {
    id: String,
    owner: String,
    expiration: u64,
}

/// What a claim is for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wish<'a> {
    pub(crate) id: &'a str,
    pub(crate) validation: &'a str,
    /// Now, in milliseconds since 1970.
    pub(crate) now: u64,
    /// When whoever claims will have been ended, in milliseconds since 1970.
    pub(crate) deadline: u64,
}

/// The table gave no usable answer in time. The text is for the log.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("dynamodb gave no answer in time")]
    TooSlow,
    #[error("dynamodb: {0}")]
    Failed(String),
    /// Somebody else has claimed the request since.
    #[error("the record has another owner by now")]
    FencedOff,
}

impl Table {
    pub(crate) fn from_env(env: &Env) -> Result<Self, config::Error> {
        let name = env.required(VARIABLE)?;
        if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte)) {
            return Err(config::Error::invalid(VARIABLE, "is not the name of a table"));
        }
        Ok(Self {
            name: name.to_owned(),
            identity: AwsCredentials::from_env(env)?,
            endpoint: env.optional("AWS_ENDPOINT_URL_DYNAMODB").map(str::to_owned),
            client: OnceLock::new(),
        })
    }

    /// Claims a request, unless there is a record that still counts: one write, so that of many callers one gets it.
    pub(crate) async fn claim(&self, wish: Wish<'_>) -> Result<Claim, Error> {
        let owner = Uuid::new_v4().to_string();
        let answer = timeout(CLAIM_PATIENCE, self.put(wish, &owner)).await.map_err(|_| Error::TooSlow)?;
        let ours = |owner| {
            let (id, expiration) = (wish.id.to_owned(), expiration(wish.now));
            Claim::Ours(Claimed { id, owner, expiration })
        };
        match answer {
            Ok(()) => Ok(ours(owner)),
            Err(error) => {
                let held = held(&error).ok_or_else(|| failed(&error))?;
                Ok(if held.is_of(&owner) { ours(owner) } else { Claim::Held(held) })
            }
        }
    }

    async fn put(&self, wish: Wish<'_>, owner: &str) -> Result<(), SdkError<PutItemError>> {
        // Powertools' own condition.
        const IS_FREE: &str = "attribute_not_exists(#id) or #expiration < :now or (#status = :in_progress and \
            attribute_exists(#in_progress_expiration) and #in_progress_expiration < :now_ms)";
        let put = self.client().put_item().table_name(&self.name);
        put.item(ID, text(wish.id))
            .item(STATUS, text(IN_PROGRESS))
            .item(EXPIRATION, number(expiration(wish.now)))
            .item(IN_PROGRESS_EXPIRATION, number(wish.deadline))
            .item(VALIDATION, text(wish.validation))
            .item(OWNER, text(owner))
            .condition_expression(IS_FREE)
            .expression_attribute_names("#id", ID)
            .expression_attribute_names("#status", STATUS)
            .expression_attribute_names("#expiration", EXPIRATION)
            .expression_attribute_names("#in_progress_expiration", IN_PROGRESS_EXPIRATION)
            .expression_attribute_values(":in_progress", text(IN_PROGRESS))
            .expression_attribute_values(":now", number(wish.now / 1000))
            .expression_attribute_values(":now_ms", number(wish.now))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await
            .map(drop)
    }

    /// Keeps the answer to a request that is still ours.
    pub(crate) async fn complete(&self, claimed: &Claimed, answer: &Answer) -> Result<(), Error> {
        let data = answer.to_json().map_err(|error| Error::Failed(error.to_string()))?;
        let update = self.client().update_item().table_name(&self.name).key(ID, text(&claimed.id));
        let update = update
            .update_expression("set #status = :completed, #data = :data, #expiration = :expiration")
            .condition_expression("#owner = :owner")
            .expression_attribute_names("#status", STATUS)
            .expression_attribute_names("#data", DATA)
            .expression_attribute_names("#expiration", EXPIRATION)
            .expression_attribute_names("#owner", OWNER)
            .expression_attribute_values(":completed", text(COMPLETED))
            .expression_attribute_values(":data", text(&data))
            .expression_attribute_values(":expiration", number(claimed.expiration))
            .expression_attribute_values(":owner", text(&claimed.owner));
        let answer = timeout(SETTLE_PATIENCE, update.send()).await.map_err(|_| Error::TooSlow)?;
        answer.map(drop).map_err(|error| match error.as_service_error() {
            Some(refusal) if refusal.is_conditional_check_failed_exception() => Error::FencedOff,
            _ => failed(&error),
        })
    }

    /// Lets a request that is still ours be claimed again.
    pub(crate) async fn release(&self, claimed: &Claimed) -> Result<(), Error> {
        let delete = self.client().delete_item().table_name(&self.name).key(ID, text(&claimed.id));
        let delete = delete
            .condition_expression("#owner = :owner")
            .expression_attribute_names("#owner", OWNER)
            .expression_attribute_values(":owner", text(&claimed.owner));
        let answer = timeout(SETTLE_PATIENCE, delete.send()).await.map_err(|_| Error::TooSlow)?;
        answer.map(drop).map_err(|error| match error.as_service_error() {
            Some(refusal) if refusal.is_conditional_check_failed_exception() => Error::FencedOff,
            _ => failed(&error),
        })
    }

    /// The table's name.
    #[cfg(feature = "testing")]
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Built by whoever asks first.
    pub(crate) fn client(&self) -> &Client {
        self.client.get_or_init(|| {
            let patience = TimeoutConfig::builder()
                .operation_timeout(CLAIM_PATIENCE)
                .operation_attempt_timeout(TRY_PATIENCE);
            let mut config = Config::builder()
                .behavior_version(BehaviorVersion::v2026_01_12())
                .region(Region::new(self.identity.region().to_owned()))
                .credentials_provider(self.identity.credentials().clone())
                .http_client(self.http_client())
                .timeout_config(patience.build())
                .retry_config(RetryConfig::standard().with_initial_backoff(FIRST_PAUSE))
                .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
            config.set_endpoint_url(self.endpoint.clone());
            Client::from_conf(config.build())
        })
    }

    /// A local server speaks plain HTTP, for which no certificates need to be read.
    fn http_client(&self) -> SharedHttpClient {
        let client = Builder::new().pool_idle_timeout(IDLE_LIMIT);
        match &self.endpoint {
            Some(endpoint) if endpoint.starts_with("http:") => client.build_http(),
            _ => {
                let roots = TrustStore::empty().with_pem_certificate(tls::AMAZON_ROOTS);
                let context = TlsContext::builder().with_trust_store(roots).build();
                let client = client.tls_provider(Provider::Rustls(CryptoMode::Ring));
                client.tls_context(context.expect("roots are all it takes")).build_https()
            }
        }
    }
}

/// When a record that is made now is over, in seconds.
fn expiration(now: u64) -> u64 {
    (now + LIFE_MS) / 1000
}

/// The record that stood in the way of a claim.
fn held(error: &SdkError<PutItemError>) -> Option<Held> {
    match error.as_service_error()? {
        PutItemError::ConditionalCheckFailedException(refusal) => refusal.item().cloned().map(Held::new),
        _ => None,
    }
}

/// What the SDK says of a failure, reason by reason. Its `Debug` would print the whole answer.
fn failed<E: std::error::Error + 'static>(error: &SdkError<E>) -> Error {
    let reasons = iter::successors(Some(error as &dyn std::error::Error), |reason| reason.source());
    Error::Failed(reasons.map(ToString::to_string).collect::<Vec<_>>().join(": "))
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

fn number(value: u64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}
