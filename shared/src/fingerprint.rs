//! One hash over several values, for keys in stores.
//!
//! A cached page, a lockout counter and an idempotent write are each identified by several values, some of them chosen
//! by the client. [`fingerprint`] hashes them into one short name without a delimiter that a value could imitate, so
//! two different lists of values never share a name.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// Returns the SHA-256 over `parts` in base64url: 43 characters. Each part is hashed behind its length, and an absent
/// one as a marker of its own, so that absent, empty and `0` differ and no part can imitate a boundary.
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
        let hashes = [None, Some(""), Some("0")].map(|part| fingerprint([part]));
        assert!(hashes[0] != hashes[1] && hashes[1] != hashes[2] && hashes[0] != hashes[2]);
    }

    #[test]
    fn no_part_can_imitate_a_boundary() {
        assert_ne!(fingerprint([Some("ab"), Some("c")]), fingerprint([Some("a"), Some("bc")]));
        assert_ne!(fingerprint([Some("a"), None]), fingerprint([Some("a\0")]));
    }
}
