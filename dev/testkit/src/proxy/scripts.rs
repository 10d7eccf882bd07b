//! Makes a Redis server answer that it knows no script, by replacing the digests that clients send.

/// The part of a command before the digest of the script, in the protocol of Redis (RESP).
const EVALSHA: &[u8] = b"$7\r\nEVALSHA\r\n$40\r\n";

/// The number of hexadecimal digits in a digest.
const DIGITS: usize = 40;

/// Replaces digests in the bytes of one connection, however they are split.
#[derive(Default)]
pub(super) struct DigestFilter {
    /// The last bytes, at most as many as `EVALSHA` has.
    last: Vec<u8>,
    /// The number of digits of the present digest that are still to come.
    digits: usize,
}

impl DigestFilter {
    /// Replaces the digits of every digest in `bytes`, which follow those of the last call, by zeros.
    pub(super) fn replace_digests(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            if self.digits > 0 {
                self.digits -= 1;
                *byte = b'0';
                continue;
            }
            if self.last.len() == EVALSHA.len() {
                self.last.remove(0);
            }
            self.last.push(*byte);
            if self.last == EVALSHA {
                self.digits = DIGITS;
                self.last.clear();
            }
        }
    }
}
