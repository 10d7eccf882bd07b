//! The secret of a deployment in AWS Secrets Manager.
//!
//! It is a JSON object with two environment variables as its members: the key that signs tokens ([`PRIVATE_KEY`]) and
//! the pepper of the password hashes ([`PEPPER`]). The function that signs tokens reads it once at its start, when
//! `SECRET_ARN` names it, and adds the two to its environment ([`resolve`]); the start fails if the secret can't be
//! read or lacks one of them.
//! `maintenance` creates the secret's first value and never reads it.

mod client;

use std::collections::BTreeMap;

use shared::config::{self, Env};

pub use client::{CURRENT, Error, SecretsClient, Version};

/// The variable that names the secret.
pub const SECRET_ARN: &str = "SECRET_ARN";
/// The variable with the private key that signs tokens.
pub const PRIVATE_KEY: &str = "JWT_PRIVATE_KEY";
/// The variable with the pepper that passwords are hashed with.
pub const PEPPER: &str = "PASSWORD_PEPPER";

/// The secret that the environment is completed from.
pub struct Source {
    client: SecretsClient,
    arn: String,
}

impl Source {
    /// Reads `SECRET_ARN` and, where it is set, what [`SecretsClient::from_env`] reads. Returns `None` where it is not
    /// set.
    pub fn from_env(env: &Env) -> Result<Option<Self>, config::Error> {
        let Some(arn) = env.optional(SECRET_ARN) else { return Ok(None) };
        Ok(Some(Self { client: SecretsClient::from_env(env)?, arn: arn.to_owned() }))
    }
}

/// Returns `env` with the two variables of the secret that `SECRET_ARN` names. Where it names none, returns `env`
/// unchanged and calls nothing. Variables of the secret replace those of the environment.
pub async fn resolve(env: Env) -> Result<Env, config::Error> {
    let Some(Source { client, arn }) = Source::from_env(&env)? else { return Ok(env) };
    let text = client.read(&arn).await.map_err(|error| {
        let reason = match error {
            // The message would repeat the value of the variable.
            Error::Refused { code, .. } => code,
            other => other.to_string(),
        };
        config::Error::invalid(SECRET_ARN, format_args!("leads to no secret that can be read: {reason}"))
    })?;
    let malformed =
        || config::Error::invalid(SECRET_ARN, "leads to a secret that is no JSON object of texts");
    let mut members = parse(&text).ok_or_else(malformed)?;
    let missing = |name| config::Error::invalid(name, format_args!("is not in the secret of {SECRET_ARN}"));
    let mut take =
        |name: &'static str| members.remove(name).map(|value| (name, value)).ok_or_else(|| missing(name));
    let values = [take(PRIVATE_KEY)?, take(PEPPER)?];
    Ok(env.with(values))
}

/// Composes the JSON of a secret.
#[must_use]
pub fn compose(private_key: &str, pepper: &str) -> String {
    serde_json::json!({ PRIVATE_KEY: private_key, PEPPER: pepper }).to_string()
}

fn parse(text: &str) -> Option<BTreeMap<String, String>> {
    serde_json::from_str(text).ok()
}
