//! The task `keys` makes the keys of a deployment, and reports the public ones without ever reading a secret.
//!
//! Secrets Manager gives each version of a secret an id, which its writer may choose and which can be read without the
//! value. Here the id is the public key that belongs to the value, in hexadecimal digits: the two are written in one
//! call and can't be separated. The staging labels of the versions tell which keys are in use.

use secrets::{CURRENT, SecretsClient, Version};
use serde::Serialize;
use shared::identity::passwords::new_pepper;
use shared::identity::tokens::{generate, jwk_set};
use shared::stores::postgres::ConnectionSettings;

use crate::Error;
use crate::connection::with_advisory_lock;

/// The staging labels in the order of the keys; others come after these.
const LABELS: [&str; 3] = [CURRENT, "AWSPENDING", "AWSPREVIOUS"];

/// The public keys of the deployment.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Keys {
    /// For `JWT_PUBLIC_KEYS`: a JWK set with the key that signs, the one that is to follow it, and the one before.
    pub public_keys: String,
    /// Whether they were made now.
    pub made: bool,
}

/// Makes a key pair and a pepper if `secret` was never given a value, and reports its public keys either way. Of
/// several calls at a time one makes them.
pub(crate) async fn keys(
    client: &SecretsClient,
    database: &ConnectionSettings,
    secret: &str,
) -> Result<Keys, Error> {
    with_advisory_lock(database, async |_| find_or_make(client, secret).await).await
}

async fn find_or_make(client: &SecretsClient, secret: &str) -> Result<Keys, Error> {
    let versions = client.versions(secret).await?;
    if !versions.is_empty() {
        return Ok(Keys { public_keys: jwk_set(&public_keys(versions)?), made: false });
    }
    let pair = generate();
    let value = secrets::compose(&pair.private_pem, &new_pepper());
    client.write(secret, &hex::encode(pair.public), &value).await?;
    Ok(Keys { public_keys: pair.public_jwks, made: true })
}

/// The public keys in the ids of these versions, ordered by label and id, whatever the order of the versions.
fn public_keys(mut versions: Vec<Version>) -> Result<Vec<[u8; 32]>, Error> {
    let rank = |version: &Version| LABELS.iter().position(|label| version.stages.contains(*label));
    versions.sort_by_key(|version| (rank(version).unwrap_or(LABELS.len()), version.id.clone()));
    let is_readable = |version: &Version| version.stages.contains(CURRENT) && key(version).is_some();
    if !versions.iter().any(is_readable) {
        return Err(Error::ForeignSecret);
    }
    Ok(versions.iter().filter_map(key).collect())
}

fn key(version: &Version) -> Option<[u8; 32]> {
    hex::decode(&version.id).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(id: &str, stages: &[&str]) -> Version {
        Version { id: id.to_owned(), stages: stages.iter().map(ToString::to_string).collect() }
    }

    #[test]
    fn the_key_that_signs_comes_first_whatever_the_order_of_the_versions() {
        let [old, now, next] = ["ff", "aa", "00"].map(|byte| byte.repeat(32));
        let mut versions = vec![
            version(&old, &["AWSPREVIOUS"]),
            version(&now, &["AWSCURRENT", "AWSPENDING"]),
            version(&next, &["AWSPENDING"]),
        ];
        let expected = vec![[0xaa; 32], [0; 32], [0xff; 32]];
        assert_eq!(public_keys(versions.clone()).unwrap(), expected);
        versions.reverse();
        assert_eq!(public_keys(versions).unwrap(), expected);
    }

    #[test]
    fn a_current_value_of_somebody_elses_is_not_passed_over() {
        let versions = vec![
            version("EXAMPLE1-90ab-cdef-fedc-ba987EXAMPLE", &["AWSCURRENT"]),
            version(&"aa".repeat(32), &["AWSPREVIOUS"]),
        ];
        assert!(matches!(public_keys(versions), Err(Error::ForeignSecret)));
    }
}
