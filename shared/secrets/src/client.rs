//! A client for the three calls of AWS Secrets Manager that are needed: read a secret, list its versions, write one.
//!
//! The AWS client is built at the first call. It trusts the root certificates of Amazon alone, since parsing those of
//! the system takes longer than the rest of a start. An error names what Secrets Manager returned and never a
//! value of a secret.

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
use shared::stores::describe::describe;
use shared::stores::iam::AwsCredentials;
use shared::stores::tls;

/// The timeout of a call, all attempts included. Lambda gives a start ten seconds.
const CALL_TIMEOUT: Duration = Duration::from_secs(6);
/// The timeout of one attempt.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(2);

/// The staging label of the version that is read.
pub const CURRENT: &str = "AWSCURRENT";

/// A client for Secrets Manager.
pub struct SecretsClient {
    credentials: AwsCredentials,
    endpoint: Option<String>,
    client: OnceLock<Client>,
}

/// A version of a secret, without its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The id that its writer chose.
    pub id: String,
    /// Its staging labels (`AWSCURRENT`, `AWSPENDING`, `AWSPREVIOUS`), at least one.
    pub stages: BTreeSet<String>,
}

/// The reason why a call failed. It never contains a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Secrets Manager refused.
    #[error("{code}{}", .message.as_ref().map(|message| format!(": {message}")).unwrap_or_default())]
    Refused {
        /// Its error code, such as `AccessDeniedException`.
        code: String,
        /// Its message, unless that may repeat a value that was sent. It may name the secret and the caller.
        message: Option<String>,
    },
    /// Secrets Manager can't be reached, is too slow, or did not respond as expected; the reason.
    #[error("Secrets Manager gives no answer: {0}")]
    Unavailable(String),
    /// The value is binary and not text.
    #[error("it is not text")]
    Binary,
}

impl SecretsClient {
    /// Reads the [`AwsCredentials`] and, for a local server, `AWS_ENDPOINT_URL_SECRETS_MANAGER`. Opens no connection.
    pub fn from_env(env: &Env) -> Result<Self, config::Error> {
        Ok(Self {
            credentials: AwsCredentials::from_env(env)?,
            endpoint: env.optional("AWS_ENDPOINT_URL_SECRETS_MANAGER").map(str::to_owned),
            client: OnceLock::new(),
        })
    }

    /// Reads the current value of a secret.
    pub async fn read(&self, secret: &str) -> Result<String, Error> {
        let get = self.client().get_secret_value().secret_id(secret).version_stage(CURRENT);
        let response = get.send().await.map_err(error_from)?;
        response.secret_string.ok_or(Error::Binary)
    }

    /// Lists the versions of a secret that still have a staging label; none if it never had a value.
    pub async fn versions(&self, secret: &str) -> Result<Vec<Version>, Error> {
        let response = self.client().describe_secret().secret_id(secret).send().await.map_err(error_from)?;
        let versions = response.version_ids_to_stages.unwrap_or_default().into_iter();
        let versions = versions.map(|(id, stages)| Version { id, stages: stages.into_iter().collect() });
        Ok(versions.filter(|version| !version.stages.is_empty()).collect())
    }

    /// Writes a new version of a secret, which becomes the current one. Its id has 32 to 64 characters; writing the
    /// same version again changes nothing.
    pub async fn write(&self, secret: &str, version_id: &str, value: &str) -> Result<(), Error> {
        let put = self.client().put_secret_value().secret_id(secret);
        let put = put.client_request_token(version_id).secret_string(value);
        put.send().await.map(drop).map_err(error_from)
    }

    fn client(&self) -> &Client {
        self.client.get_or_init(|| {
            let timeouts = TimeoutConfig::builder()
                .operation_timeout(CALL_TIMEOUT)
                .operation_attempt_timeout(ATTEMPT_TIMEOUT);
            let mut config = Config::builder()
                .behavior_version(BehaviorVersion::v2026_01_12())
                .region(Region::new(self.credentials.region().to_owned()))
                .credentials_provider(self.credentials.credentials().clone())
                .http_client(self.http_client())
                .timeout_config(timeouts.build())
                .retry_config(RetryConfig::standard());
            config.set_endpoint_url(self.endpoint.clone());
            Client::from_conf(config.build())
        })
    }

    /// A local server speaks plain HTTP, for which no certificates need to be parsed.
    fn http_client(&self) -> SharedHttpClient {
        match &self.endpoint {
            Some(endpoint) if endpoint.starts_with("http:") => Builder::new().build_http(),
            _ => {
                let roots = TrustStore::empty().with_pem_certificate(tls::AMAZON_ROOTS);
                let context = TlsContext::builder().with_trust_store(roots).build();
                let client = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring));
                client.tls_context(context.expect("roots are all that a context needs")).build_https()
            }
        }
    }
}

/// The codes whose messages may repeat parameters of the call, and with them a value.
const ABOUT_PARAMETERS: [&str; 2] = ["ValidationException", "InvalidParameterException"];

#[expect(clippy::needless_pass_by_value, reason = "`map_err` passes the error by value")]
fn error_from<E: std::error::Error + ProvideErrorMetadata + 'static>(error: SdkError<E>) -> Error {
    let refusal = error.as_service_error().map(ProvideErrorMetadata::meta);
    let Some((refusal, code)) = refusal.and_then(|refusal| Some((refusal, refusal.code()?))) else {
        return Error::Unavailable(describe(&error));
    };
    let message = refusal.message().filter(|_| !ABOUT_PARAMETERS.contains(&code));
    Error::Refused { code: code.to_owned(), message: message.map(str::to_owned) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_accepts_the_compiled_in_roots() {
        let env = Env::of([
            ("AWS_REGION", "eu-central-1"),
            ("AWS_ACCESS_KEY_ID", "id"),
            ("AWS_SECRET_ACCESS_KEY", "key"),
        ]);
        SecretsClient::from_env(&env).unwrap().client();
    }
}
