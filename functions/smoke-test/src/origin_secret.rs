//! The secret that a CDN in front of the API sends along, without which its functions serve nobody.

use secrets::SecretsClient;
use shared::config::{self, Env};

/// Where the secret is.
pub(crate) struct OriginSecret {
    client: SecretsClient,
    arn: String,
}

impl OriginSecret {
    /// Reads `ORIGIN_SECRET_ARN` and, where it is set, what [`SecretsClient::from_env`] reads. `None` where it is not
    /// set: the functions serve everybody.
    pub(crate) fn from_env(env: &Env) -> Result<Option<Self>, config::Error> {
        let Some(arn) = env.optional("ORIGIN_SECRET_ARN") else { return Ok(None) };
        Ok(Some(Self { client: SecretsClient::from_env(env)?, arn: arn.to_owned() }))
    }

    /// Reads the secret, anew for each deployment, since it may have been changed.
    pub(crate) async fn read(&self) -> Result<String, String> {
        self.client.read(&self.arn).await.map_err(|error| error.to_string())
    }
}
