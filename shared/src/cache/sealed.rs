//! A page as it is kept: with a checksum before it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use sha2::{Digest, Sha256};

/// A page, and a head that goes with it. It is never parsed on its way out, so the checksum is what tells a
/// damaged one; and it is a name for just these bytes.
///
/// In bytes: 16 of checksum, 4 with the length of the head, the head, the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed(Bytes);

const CHECKSUM: usize = 16;
const HEAD: usize = CHECKSUM + 4;

impl Sealed {
    /// `head` and `page`, sealed. The head is what an answer has beside the page, a header's value for instance.
    ///
    /// # Panics
    /// When the head is longer than 4 GiB.
    #[must_use]
    pub fn new(head: &str, page: &[u8]) -> Self {
        let length = u32::try_from(head.len()).expect("a head is short");
        let content = [&length.to_be_bytes(), head.as_bytes(), page].concat();
        Self([&checksum(&content), content.as_slice()].concat().into())
    }

    /// What was stored, unless it is damaged.
    pub(super) fn stored(bytes: Bytes) -> Option<Self> {
        let (sum, content) = bytes.split_at_checked(CHECKSUM)?;
        let intact = bytes.len() >= HEAD && checksum(content) == *sum;
        intact.then_some(Self(bytes))
    }

    /// What is to be stored.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The head.
    #[must_use]
    pub fn head(&self) -> &str {
        std::str::from_utf8(&self.0[HEAD..self.body()]).unwrap_or_default()
    }

    /// The page, byte for byte.
    #[must_use]
    pub fn page(&self) -> Bytes {
        self.0.slice(self.body()..)
    }

    /// A name that only these bytes have, head and page, in base64url.
    #[must_use]
    pub fn name(&self) -> String {
        URL_SAFE_NO_PAD.encode(&self.0[..CHECKSUM])
    }

    /// Where the page begins.
    fn body(&self) -> usize {
        let length = self.0[CHECKSUM..HEAD].iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
        HEAD + length
    }
}

fn checksum(content: &[u8]) -> [u8; CHECKSUM] {
    let digest = Sha256::digest(content);
    std::array::from_fn(|at| digest[at])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(bytes: &[u8]) -> Option<Sealed> {
        Sealed::stored(Bytes::copy_from_slice(bytes))
    }

    #[test]
    fn a_damaged_page_is_no_page() {
        let bytes = Sealed::new("head", b"page").bytes().to_vec();
        let sealed = stored(&bytes).unwrap();
        assert_eq!((sealed.head(), sealed.page().as_ref()), ("head", b"page".as_slice()));
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            assert_eq!(stored(&damaged), None, "{at}");
            assert_eq!(stored(&bytes[..at]), None, "{at}");
        }
    }

    #[test]
    fn no_other_head_and_page_have_the_name() {
        let names = [("", "ab"), ("a", "b"), ("ab", "")]
            .map(|(head, page)| Sealed::new(head, page.as_bytes()).name());
        assert!(names[0] != names[1] && names[1] != names[2] && names[0] != names[2]);
        assert_eq!(Sealed::new("", b"").page(), "");
    }
}
