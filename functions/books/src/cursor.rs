//! Cursors: a position in a list that a client can store, but neither change nor use with another list.
//!
//! A cursor is base64url over an HMAC-SHA-256 (RFC 2104) and the JSON that it authenticates. The HMAC also covers the
//! list's filter and order, which are not in the cursor: for another list it is as invalid as a forged one.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde::{Deserialize, Serialize};

use crate::book::Book;
use crate::order::{Column, Order};

/// The version of the format: raise it when [`Cursor`] changes, or old cursors are misread.
const FORMAT: &[u8] = b"1.";

/// The position between two pages: the number of the page that begins there, and the sort values of the last book
/// before it. That book need not exist any more.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cursor {
    pub(crate) page: i64,
    pub(crate) after: Vec<Value>,
}

/// A value that a list is sorted by.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Value {
    Number(i64),
    Text(String),
    Null,
}

/// The key of the HMAC. Whoever knew it could begin a list at a position of their own, and no more.
#[derive(Clone)]
pub(crate) struct Key(hmac::Key);

impl Key {
    pub(crate) fn new(secret: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }
}

impl Cursor {
    /// The position after `book`, where page `page` begins.
    pub(crate) fn after(book: &Book, order: &Order, page: i64) -> Self {
        let value = |column| match column {
            Column::Id => Value::Number(book.id),
            Column::Title => Value::Text(book.title.clone()),
            Column::Author => Value::Text(book.author.clone()),
            Column::Year => book.year.map_or(Value::Null, |year| Value::Number(year.into())),
        };
        Self { page, after: order.parts().iter().map(|(column, _)| value(*column)).collect() }
    }

    /// The cursor as text; `list` is the fingerprint of the filter and the order.
    pub(crate) fn encode(&self, key: &Key, list: &str) -> String {
        let json = serde_json::to_vec(self).expect("numbers and text serialise");
        let tag = hmac::sign(&key.0, &authenticated(list, &json));
        URL_SAFE_NO_PAD.encode([tag.as_ref(), &json].concat())
    }

    /// Reads what [`encode`](Self::encode) wrote with the same key for the same list; anything else is `None`.
    pub(crate) fn decode(text: &str, key: &Key, list: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (tag, json) = bytes.split_at_checked(hmac::HMAC_SHA256.digest_algorithm().output_len())?;
        hmac::verify(&key.0, &authenticated(list, json), tag).ok()?;
        serde_json::from_slice(json).ok()
    }
}

/// The bytes that the HMAC covers. `list` has the same length for every list, so no part can imitate a boundary.
fn authenticated(list: &str, json: &[u8]) -> Vec<u8> {
    [FORMAT, list.as_bytes(), json].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cursor() -> Cursor {
        Cursor { page: 2, after: vec![Value::Text("\"1\"".to_owned()), Value::Null, Value::Number(1)] }
    }

    #[test]
    fn a_cursor_is_valid_for_its_own_list_and_key_only() {
        let (key, other) = (Key::new(&[1; 32]), Key::new(&[2; 32]));
        let text = cursor().encode(&key, "list");
        assert_eq!(Cursor::decode(&text, &key, "list"), Some(cursor()));
        assert_eq!(Cursor::decode(&text, &key, "tsil"), None);
        assert_eq!(Cursor::decode(&text, &other, "list"), None);
    }

    #[test]
    fn no_character_of_a_cursor_can_be_changed() {
        let key = Key::new(&[1; 32]);
        let text = cursor().encode(&key, "list");
        for at in 0..text.len() {
            for with in ["A", "B", "_", "", "=", "AA"] {
                let mut changed = text.clone();
                changed.replace_range(at..=at, with);
                assert!(changed == text || Cursor::decode(&changed, &key, "list").is_none(), "{changed}");
            }
        }
    }
}
