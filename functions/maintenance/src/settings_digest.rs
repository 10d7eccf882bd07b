//! The task `settings_digest` of a deployment: one short text that changes with any of the values that it is given.
//!
//! Lambda makes a new version of a function only if a property of the function has changed, and a value that reaches
//! the function by another way is none. So the template gives this task all values that the functions depend on, and
//! each function the digest.

use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// The number of bytes of the hash that are used.
const LENGTH: usize = 16;

/// Returns the first 32 hexadecimal digits of the SHA-256 over `values` as JSON without white space, the keys of all
/// objects in order.
pub(crate) fn digest(mut values: Value) -> String {
    values.sort_all_objects();
    hex::encode(&Sha256::digest(values.to_string())[..LENGTH])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn digest_of(json: &str) -> String {
        digest(serde_json::from_str(json).unwrap())
    }

    #[test]
    fn the_digest_is_that_of_the_json_with_sorted_keys() {
        let digest = digest_of(r#"{"b": ["x", {"d": "2", "c": "1"}], "a": ""}"#);
        let expected = Sha256::digest(r#"{"a":"","b":["x",{"c":"1","d":"2"}]}"#);
        assert_eq!(digest, hex::encode(expected)[..32]);
    }

    #[test]
    fn every_value_counts_and_the_order_of_keys_does_not() {
        let base = json!({"a": "1", "b": ["x", "y"], "c": {"d": "", "e": null}});
        let same = r#"{"c": {"e": null, "d": ""}, "b": ["x", "y"], "a": "1"}"#;
        assert_eq!(digest(base.clone()), digest_of(same));
        for other in [
            json!({"a": "2", "b": ["x", "y"], "c": {"d": "", "e": null}}),
            json!({"a": "1", "b": ["y", "x"], "c": {"d": "", "e": null}}),
            json!({"a": "1", "b": ["x", "y"], "c": {"d": " ", "e": null}}),
            json!({"a": "1", "b": ["x", "y"], "c": {"d": ""}}),
            json!({"a": "1", "b": ["xy"], "c": {"d": "", "e": null}}),
            json!({"a": "1", "b": "[\"x\",\"y\"]", "c": {"d": "", "e": null}}),
            json!([]),
            json!(""),
        ] {
            assert_ne!(digest(base.clone()), digest(other.clone()), "{other}");
        }
    }
}
