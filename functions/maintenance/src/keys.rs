//! The task `keys` makes the keys of a deployment, and reports the public ones without ever reading a secret.
//!
//! The id of each version of the secret is the public key that belongs to its value: see
//! [`secret_versions`](crate::secret_versions).

use secrets::SecretsClient;
use serde::Serialize;
use shared::identity::passwords::new_pepper;
use shared::identity::tokens::{generate, jwk_set};
use shared::stores::postgres::ConnectionSettings;

use crate::Error;
use crate::secret_versions::{NewVersion, VersionIds, find_or_write};

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
    let VersionIds { ids, made } = find_or_write(client, database, secret, || {
        let pair = generate();
        NewVersion { id: pair.public, value: secrets::compose(&pair.private_pem, &new_pepper()) }
    })
    .await?;
    Ok(Keys { public_keys: jwk_set(&ids), made })
}
