//! The task `origin_secret` makes the secret by which the functions know that a request came through `CloudFront`.
//!
//! `CloudFront` sends the secret in a header, and the functions compare its digest with those that they are given: they
//! never get the secret itself. The id of each version of the secret is the SHA-256 of its value: see
//! [`secret_versions`](crate::secret_versions).

use ring::rand::{SecureRandom as _, SystemRandom};
use secrets::SecretsClient;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use shared::stores::postgres::ConnectionSettings;

use crate::Error;
use crate::secret_versions::{NewVersion, VersionIds, find_or_write};

/// The digests of the secret that `CloudFront` sends.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct OriginSecret {
    /// The SHA-256 of the current value, the one that is to follow it, and the one before, each in 64 hexadecimal
    /// digits, joined by commas.
    pub digests: String,
    /// Whether the value was made now.
    pub made: bool,
}

/// Makes a random value of 64 hexadecimal digits if `secret` was never given one, and reports its digests either way.
/// Of several calls at a time one makes it.
pub(crate) async fn origin_secret(
    client: &SecretsClient,
    database: &ConnectionSettings,
    secret: &str,
) -> Result<OriginSecret, Error> {
    let VersionIds { ids, made } = find_or_write(client, database, secret, new_value).await?;
    Ok(OriginSecret { digests: ids.iter().map(hex::encode).collect::<Vec<_>>().join(","), made })
}

fn new_value() -> NewVersion {
    let mut random = [0; 32];
    SystemRandom::new().fill(&mut random).expect("the system has randomness");
    let value = hex::encode(random);
    NewVersion { id: Sha256::digest(&value).into(), value }
}
