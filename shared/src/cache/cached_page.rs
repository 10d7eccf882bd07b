//! A page as it is stored: its bytes with the value of its `Link` header, behind a checksum.
//!
//! A hit passes the stored bytes through without parsing them, so the checksum is what detects a corrupt entry. It is
//! also the page's entity tag, since it is different for other bytes.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use sha2::{Digest, Sha256};

/// A page and its `Link` header, in the form that is stored.
///
/// The layout: 16 bytes of checksum, 4 bytes with the length of the link (big endian), the link, the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CachedPage(Bytes);

/// Length of the checksum in bytes.
const CHECKSUM: usize = 16;
/// Where the link begins.
const LINK: usize = CHECKSUM + 4;

impl CachedPage {
    /// Builds a page from the value of its `Link` header and its body.
    ///
    /// # Panics
    /// When the link is longer than 4 GiB.
    #[must_use]
    pub fn new(link: &str, body: &[u8]) -> Self {
        let length = u32::try_from(link.len()).expect("a link is short");
        let content = [&length.to_be_bytes(), link.as_bytes(), body].concat();
        Self([&checksum(&content), content.as_slice()].concat().into())
    }

    /// Takes the bytes of an entry; `None` if they are corrupt.
    pub(super) fn from_stored(bytes: Bytes) -> Option<Self> {
        let (sum, content) = bytes.split_at_checked(CHECKSUM)?;
        let intact = bytes.len() >= LINK && checksum(content) == *sum;
        intact.then_some(Self(bytes))
    }

    /// The bytes to store.
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The value of the `Link` header.
    #[must_use]
    pub fn link(&self) -> &str {
        std::str::from_utf8(&self.0[LINK..self.body_offset()]).unwrap_or_default()
    }

    /// The body, byte for byte.
    #[must_use]
    pub fn body(&self) -> Bytes {
        self.0.slice(self.body_offset()..)
    }

    /// The opaque value of a strong entity tag (RFC 9110 §8.8.3) for link and body, in base64url without quotes.
    #[must_use]
    pub fn entity_tag(&self) -> String {
        URL_SAFE_NO_PAD.encode(&self.0[..CHECKSUM])
    }

    fn body_offset(&self) -> usize {
        let length = self.0[CHECKSUM..LINK].iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
        LINK + length
    }
}

/// The first 16 bytes of the SHA-256.
fn checksum(content: &[u8]) -> [u8; CHECKSUM] {
    let digest = Sha256::digest(content);
    std::array::from_fn(|at| digest[at])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from_stored(bytes: &[u8]) -> Option<CachedPage> {
        CachedPage::from_stored(Bytes::copy_from_slice(bytes))
    }

    #[test]
    fn a_corrupt_page_is_not_accepted() {
        let bytes = CachedPage::new("link", b"body").as_bytes().to_vec();
        let page = from_stored(&bytes).unwrap();
        assert_eq!((page.link(), page.body().as_ref()), ("link", b"body".as_slice()));
        for at in 0..bytes.len() {
            let mut corrupt = bytes.clone();
            corrupt[at] ^= 1;
            assert_eq!(from_stored(&corrupt), None, "{at}");
            assert_eq!(from_stored(&bytes[..at]), None, "{at}");
        }
    }

    #[test]
    fn pages_that_differ_in_link_or_body_have_different_entity_tags() {
        let tags = [("", "ab"), ("a", "b"), ("ab", "")]
            .map(|(link, body)| CachedPage::new(link, body.as_bytes()).entity_tag());
        assert!(tags[0] != tags[1] && tags[1] != tags[2] && tags[0] != tags[2]);
        assert_eq!(CachedPage::new("", b"").body(), "");
    }
}
