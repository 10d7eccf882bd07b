//! What is secret, in AWS Secrets Manager: `auth` reads it once, at its start; `maintenance` makes it and never
//! reads it.
//!
//! A secret is a JSON object with the variables that it stands for, [`PRIVATE_KEY`] and [`PEPPER`].

mod vault;

use std::collections::BTreeMap;

use shared::config::{self, Env};

pub use vault::{CURRENT, Error, Vault, Version};

/// Names the secret.
pub const SECRET_ARN: &str = "SECRET_ARN";
/// What signs tokens.
pub const PRIVATE_KEY: &str = "JWT_PRIVATE_KEY";
/// What passwords are hashed with.
pub const PEPPER: &str = "PASSWORD_PEPPER";

/// Where the secret of this deployment is.
pub struct Source {
    vault: Vault,
    arn: String,
}

impl Source {
    /// Reads `SECRET_ARN` and, where it is set, what leads to Secrets Manager: see [`Vault::from_env`].
    pub fn from_env(env: &Env) -> Result<Option<Self>, config::Error> {
        let Some(arn) = env.optional(SECRET_ARN) else { return Ok(None) };
        Ok(Some(Self { vault: Vault::from_env(env)?, arn: arn.to_owned() }))
    }
}

/// `env` with what the secret holds, where `SECRET_ARN` names one; `env` as it is, and no call, where not.
pub async fn resolve(env: Env) -> Result<Env, config::Error> {
    let Some(Source { vault, arn }) = Source::from_env(&env)? else { return Ok(env) };
    let text = vault.read(&arn).await.map_err(|error| {
        config::Error::invalid(SECRET_ARN, format_args!("leads to no secret that can be read: {error}"))
    })?;
    let malformed =
        || config::Error::invalid(SECRET_ARN, "leads to a secret that is no JSON object of texts");
    let mut members = members(&text).ok_or_else(malformed)?;
    let missing = |name| config::Error::invalid(name, format_args!("is not in the secret of {SECRET_ARN}"));
    let mut take =
        |name: &'static str| members.remove(name).map(|value| (name, value)).ok_or_else(|| missing(name));
    let values = [take(PRIVATE_KEY)?, take(PEPPER)?];
    Ok(env.with(values))
}

/// What a secret with these two holds.
#[must_use]
pub fn compose(private_key: &str, pepper: &str) -> String {
    serde_json::json!({ PRIVATE_KEY: private_key, PEPPER: pepper }).to_string()
}

fn members(text: &str) -> Option<BTreeMap<String, String>> {
    serde_json::from_str(text).ok()
}
