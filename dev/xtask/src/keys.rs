//! `cargo xtask keys`: a new key pair for signing tokens, as the variables to set.

use serde_json::{Value, json};

use signing_keys::generate;
use stack::{Context as _, Result, env_file, settings};

/// Prints `JWT_PRIVATE_KEY` and `JWT_PUBLIC_KEYS`. The public keys that `JWT_PUBLIC_KEYS` holds already stay in the
/// set, so that tokens signed with the old key live on while the new one takes over.
pub(crate) fn run() -> Result<()> {
    let fresh = generate();
    let current = settings::var("JWT_PUBLIC_KEYS").unwrap_or_else(|| r#"{"keys":[]}"#.to_owned());
    let public_jwks = merge(&fresh.public_jwks, &current)?;
    let variables = [
        ("JWT_PRIVATE_KEY".to_owned(), fresh.private_pem.trim_end().replace('\n', "\\n")),
        ("JWT_PUBLIC_KEYS".to_owned(), public_jwks),
    ];
    print!("{}", env_file::render(&variables.into()));
    Ok(())
}

/// One JWK set with the keys of both, those of `fresh` first.
fn merge(fresh: &str, current: &str) -> Result<String> {
    let keys = |set: &str| -> Result<Vec<Value>> {
        let set: Value = serde_json::from_str(set).context("read JWT_PUBLIC_KEYS")?;
        Ok(set["keys"].as_array().cloned().unwrap_or_default())
    };
    let keys = [keys(fresh)?, keys(current)?].concat();
    Ok(json!({ "keys": keys }).to_string())
}

#[cfg(test)]
mod tests {
    use super::merge;

    #[test]
    fn the_keys_that_live_stay_in_the_set() {
        let merged = merge(r#"{"keys":[{"kid":"new"}]}"#, r#"{"keys":[{"kid":"old"}]}"#).unwrap();
        assert_eq!(merged, r#"{"keys":[{"kid":"new"},{"kid":"old"}]}"#);
        assert!(merge(r#"{"keys":[]}"#, "nonsense").is_err());
    }
}
