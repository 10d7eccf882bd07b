//! Gives a deployment its keys, and tells the public ones, without ever reading what is secret.
//!
//! A value of the secret has an id, which whoever writes it may choose and which may be asked for without the value.
//! Here it is the public key that belongs to the value, in hexadecimal digits: so the two are written in one call and
//! can't get lost from each other. The labels of Secrets Manager say which keys live.

use secrets::{CURRENT, SecretsClient, Version};
use serde::Serialize;
use shared::identity::passwords::new_pepper;
use shared::identity::tokens::{generate, jwk_set};
use shared::stores::postgres::ConnectionSettings;

use crate::Error;
use crate::migrate::{connect, take_turns};

/// The labels in the order of the keys; others come after these.
const STAGES: [&str; 3] = [CURRENT, "AWSPENDING", "AWSPREVIOUS"];

/// The public keys of the deployment.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Keys {
    /// For `JWT_PUBLIC_KEYS`: a JWK set, the key that signs first, then one that is to follow it, then the one before.
    pub public_keys: String,
    /// Whether they were made now.
    pub made: bool,
}

/// Makes a key pair and a pepper if `secret` was never given a value; tells its public keys either way. Of several
/// at a time one makes them.
pub(crate) async fn keys(
    vault: &SecretsClient,
    database: &ConnectionSettings,
    secret: &str,
) -> Result<Keys, Error> {
    let client = connect(database).await?;
    take_turns(&client).await?;
    let versions = vault.versions(secret).await?;
    if !versions.is_empty() {
        return Ok(Keys { public_keys: jwk_set(&public_keys(versions)?), made: false });
    }
    let pair = generate();
    let value = secrets::compose(&pair.private_pem, &new_pepper());
    vault.write(secret, &hex::encode(pair.public), &value).await?;
    Ok(Keys { public_keys: pair.public_jwks, made: true })
}

/// The keys that the ids of these versions are, in an order that does not depend on the one in which they came.
fn public_keys(mut versions: Vec<Version>) -> Result<Vec<[u8; 32]>, Error> {
    let rank = |version: &Version| STAGES.iter().position(|stage| version.stages.contains(*stage));
    versions.sort_by_key(|version| (rank(version).unwrap_or(STAGES.len()), version.id.clone()));
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
