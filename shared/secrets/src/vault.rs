//! AWS Secrets Manager: three calls of it.

use std::collections::BTreeSet;
use std::sync::OnceLock;
use std::time::Duration;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::retry::RetryConfig;
use aws_sdk_secretsmanager::config::timeout::TimeoutConfig;
use aws_sdk_secretsmanager::config::{BehaviorVersion, Config, Region, SharedHttpClient};
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use shared::config::{self, Env};
use shared::stores::iam::AwsCredentials;
use shared::stores::tls;

/// The longest that a call may take, all tries included. Lambda gives a start ten seconds.
const CALL_PATIENCE: Duration = Duration::from_secs(6);
/// The longest that one try may take.
const TRY_PATIENCE: Duration = Duration::from_secs(2);

/// The label of the value that is read.
pub const CURRENT: &str = "AWSCURRENT";

/// The way to Secrets Manager. Builds its client at the first call.
pub struct Vault {
    identity: AwsCredentials,
    endpoint: Option<String>,
    client: OnceLock<Client>,
}

/// A value that a secret has or had, as one may know it without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// What whoever wrote it named it.
    pub id: String,
    /// Its staging labels: `AWSCURRENT`, `AWSPENDING`, `AWSPREVIOUS`. Never empty.
    pub stages: BTreeSet<String>,
}

/// Secrets Manager refused, or gave no answer. Says nothing of a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Its own word for why.
    #[error("{0}")]
    Refused(String),
    /// Out of reach, too slow, or not what we take for Secrets Manager.
    #[error("Secrets Manager gives no answer")]
    Unavailable,
    /// The value is bytes and not text.
    #[error("it is not text")]
    Binary,
}

impl Vault {
    /// Reads the [`AwsCredentials`] and, for tests, `AWS_ENDPOINT_URL_SECRETS_MANAGER`. Opens no connection.
    pub fn from_env(env: &Env) -> Result<Self, config::Error> {
        Ok(Self {
            identity: AwsCredentials::from_env(env)?,
            endpoint: env.optional("AWS_ENDPOINT_URL_SECRETS_MANAGER").map(str::to_owned),
            client: OnceLock::new(),
        })
    }

    /// The current value of a secret.
    pub async fn read(&self, secret: &str) -> Result<String, Error> {
        let get = self.client().get_secret_value().secret_id(secret).version_stage(CURRENT);
        let answer = get.send().await.map_err(refusal)?;
        answer.secret_string.ok_or(Error::Binary)
    }

    /// The values of a secret that still have a label, without the values; none if it was never given one.
    pub async fn versions(&self, secret: &str) -> Result<Vec<Version>, Error> {
        let answer = self.client().describe_secret().secret_id(secret).send().await.map_err(refusal)?;
        let versions = answer.version_ids_to_stages.unwrap_or_default().into_iter();
        let versions = versions.map(|(id, stages)| Version { id, stages: stages.into_iter().collect() });
        Ok(versions.filter(|version| !version.stages.is_empty()).collect())
    }

    /// Gives a secret a value, current from now on, whose id is 32 to 64 characters long. Doing it again changes
    /// nothing.
    pub async fn write(&self, secret: &str, version_id: &str, value: &str) -> Result<(), Error> {
        let put = self.client().put_secret_value().secret_id(secret);
        let put = put.client_request_token(version_id).secret_string(value);
        put.send().await.map(drop).map_err(refusal)
    }

    fn client(&self) -> &Client {
        self.client.get_or_init(|| {
            let patience = TimeoutConfig::builder()
                .operation_timeout(CALL_PATIENCE)
                .operation_attempt_timeout(TRY_PATIENCE);
            let mut config = Config::builder()
                .behavior_version(BehaviorVersion::v2026_01_12())
                .region(Region::new(self.identity.region().to_owned()))
                .credentials_provider(self.identity.credentials().clone())
                .http_client(self.http_client())
                .timeout_config(patience.build())
                .retry_config(RetryConfig::standard());
            config.set_endpoint_url(self.endpoint.clone());
            Client::from_conf(config.build())
        })
    }

    /// A local server speaks plain HTTP, for which no certificates need to be read.
    fn http_client(&self) -> SharedHttpClient {
        match &self.endpoint {
            Some(endpoint) if endpoint.starts_with("http:") => Builder::new().build_http(),
            _ => {
                let roots = TrustStore::empty().with_pem_certificate(tls::AMAZON_ROOTS);
                let context = TlsContext::builder().with_trust_store(roots).build();
                let client = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring));
                client.tls_context(context.expect("roots are all it takes")).build_https()
            }
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "`map_err` hands it over")]
fn refusal<E: ProvideErrorMetadata>(error: SdkError<E>) -> Error {
    match error.as_service_error().and_then(ProvideErrorMetadata::code) {
        Some(code) => Error::Refused(code.chars().filter(char::is_ascii_alphanumeric).collect()),
        None => Error::Unavailable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_takes_the_roots_that_it_is_given() {
        let env = Env::of([
            ("AWS_REGION", "eu-central-1"),
            ("AWS_ACCESS_KEY_ID", "id"),
            ("AWS_SECRET_ACCESS_KEY", "key"),
        ]);
        Vault::from_env(&env).unwrap().client();
    }
}
