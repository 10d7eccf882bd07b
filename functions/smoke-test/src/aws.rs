//! The common configuration of the two AWS clients.
//!
//! They trust the root certificates of Amazon alone, since parsing those of the system takes longer than the rest of a
//! start.

use std::time::Duration;

use aws_sdk_lambda::config::retry::RetryConfig;
use aws_sdk_lambda::config::timeout::TimeoutConfig;
use aws_sdk_lambda::config::{
    BehaviorVersion, Region, SharedCredentialsProvider, SharedHttpClient, StalledStreamProtectionConfig,
};
use aws_sdk_lambda::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_types::SdkConfig;
use shared::config::{self, Env};
use shared::stores::iam::AwsCredentials;
use shared::stores::tls;

/// The pause before the second attempt at a call; each later one is about twice as long as the one before.
const INITIAL_BACKOFF: Duration = Duration::from_millis(100);

/// The time limits of the calls of one client.
pub(crate) struct Limits {
    /// For one attempt.
    pub(crate) attempt: Duration,
    /// For a call, all attempts included.
    pub(crate) call: Duration,
    /// The most attempts at a call.
    pub(crate) attempts: u32,
}

/// Reads the [`AwsCredentials`] and the endpoint of a local server from `endpoint_variable`.
pub(crate) fn configure(
    env: &Env,
    endpoint_variable: &str,
    limits: &Limits,
) -> Result<SdkConfig, config::Error> {
    let credentials = AwsCredentials::from_env(env)?;
    let endpoint = env.optional(endpoint_variable);
    let timeouts =
        TimeoutConfig::builder().operation_timeout(limits.call).operation_attempt_timeout(limits.attempt);
    let retries = RetryConfig::standard().with_max_attempts(limits.attempts);
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(credentials.region().to_owned()))
        .credentials_provider(SharedCredentialsProvider::new(credentials.credentials().clone()))
        .http_client(http_client(endpoint))
        .timeout_config(timeouts.build())
        .retry_config(retries.with_initial_backoff(INITIAL_BACKOFF))
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
    config.set_endpoint_url(endpoint.map(str::to_owned));
    Ok(config.build())
}

/// A local server speaks plain HTTP, for which no certificates need to be parsed.
fn http_client(endpoint: Option<&str>) -> SharedHttpClient {
    match endpoint {
        Some(endpoint) if endpoint.starts_with("http:") => Builder::new().build_http(),
        _ => {
            let roots = TrustStore::empty().with_pem_certificate(tls::AMAZON_ROOTS);
            let context = TlsContext::builder().with_trust_store(roots).build();
            let client = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring));
            client.tls_context(context.expect("roots are all that a context needs")).build_https()
        }
    }
}

/// The code of the error that a service returned; `None` if it did not answer.
pub(crate) fn code<E: ProvideErrorMetadata>(error: &SdkError<E>) -> Option<&str> {
    error.as_service_error().and_then(ProvideErrorMetadata::code)
}
