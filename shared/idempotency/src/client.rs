//! The `DynamoDB` client, configured for the short time that a request may wait.
//!
//! It trusts the root certificates of Amazon alone, since parsing those of the system takes longer than a start may,
//! and its timeouts allow a second attempt where the first one runs into a connection that died while the process was
//! frozen.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{
    BehaviorVersion, Config, Region, SharedHttpClient, StalledStreamProtectionConfig,
};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use shared::stores::iam::AwsCredentials;
use shared::stores::tls;

/// The timeout of one attempt, less than half of that of a claim.
const ATTEMPT_TIMEOUT: Duration = Duration::from_millis(450);
/// The pause before the second attempt; it doubles with each further one.
const INITIAL_BACKOFF: Duration = Duration::from_millis(25);
/// A connection that was idle for longer is closed and not used again.
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);

/// Builds a client whose operations take at most `operation_timeout`, all attempts included. Opens no connection.
pub(crate) fn build(
    credentials: &AwsCredentials,
    endpoint: Option<&str>,
    operation_timeout: Duration,
) -> Client {
    let timeouts = TimeoutConfig::builder()
        .operation_timeout(operation_timeout)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT);
    let mut config = Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(credentials.region().to_owned()))
        .credentials_provider(credentials.credentials().clone())
        .http_client(http_client(endpoint))
        .timeout_config(timeouts.build())
        .retry_config(RetryConfig::standard().with_initial_backoff(INITIAL_BACKOFF))
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
    config.set_endpoint_url(endpoint.map(str::to_owned));
    Client::from_conf(config.build())
}

/// A local server speaks plain HTTP, for which no certificates need to be parsed.
fn http_client(endpoint: Option<&str>) -> SharedHttpClient {
    let client = Builder::new().pool_idle_timeout(IDLE_TIMEOUT);
    match endpoint {
        Some(endpoint) if endpoint.starts_with("http:") => client.build_http(),
        _ => {
            let roots = TrustStore::empty().with_pem_certificate(tls::AMAZON_ROOTS);
            let context = TlsContext::builder().with_trust_store(roots).build();
            let client = client.tls_provider(Provider::Rustls(CryptoMode::Ring));
            client.tls_context(context.expect("roots are all that a context needs")).build_https()
        }
    }
}
