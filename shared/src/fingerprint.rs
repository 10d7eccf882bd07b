//! One name for several values, for keys in stores: a hash that no choice of values can steer.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// SHA-256 over `parts`, in base64url. Each part goes in with its length, and an absent one as a mark of
/// its own, so that absent, empty and `0` differ and no part can imitate a boundary.
pub fn fingerprint<'a>(parts: impl IntoIterator<Item = Option<&'a str>>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        match part {
            None => hash.update([0]),
            Some(text) => {
                hash.update([1]);
                hash.update((text.len() as u64).to_be_bytes());
                hash.update(text);
            }
        }
    }
    URL_SAFE_NO_PAD.encode(hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_empty_and_zero_are_three_values() {
        let names = [None, Some(""), Some("0")].map(|part| fingerprint([part]));
        assert!(names[0] != names[1] && names[1] != names[2] && names[0] != names[2]);
    }

    #[test]
    fn a_boundary_can_not_be_imitated() {
        assert_ne!(fingerprint([Some("ab"), Some("c")]), fingerprint([Some("a"), Some("bc")]));
        assert_ne!(fingerprint([Some("a"), None]), fingerprint([Some("a\0")]));
    }
}
