//! Usernames: which ones are accepted, and when two are the same.
//!
//! A username is stored as its owner spells it, and beside it a [`key()`] that ignores case and compatibility forms
//! (NFKC and case folding). The key is unique in the database, so nobody can register a second spelling of a name.
//! Control characters, invisible characters and surrounding spaces are refused, since they would make two different
//! names look alike.

use std::ops::RangeInclusive;

use unicode_normalization::UnicodeNormalization as _;
use utoipa::PartialSchema;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};

use crate::validation::{FromField, Layout as _, Line, Raw};

const LENGTH: RangeInclusive<usize> = 3..=50;

/// A valid username of 3 to 50 code points, as its owner spells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Username(String);

impl Username {
    /// The username as its owner spells it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key under which the username is unique; see [`key()`].
    #[must_use]
    pub fn key(&self) -> String {
        key(&self.0)
    }
}

/// Normalises a name by NFKC and full case folding (Unicode, default caseless matching): names with the same key are
/// the same. Takes any text, also one that is not a valid username.
#[must_use]
pub fn key(name: &str) -> String {
    caseless::default_case_fold_str(&name.nfkc().collect::<String>()).nfkc().collect()
}

impl FromField for Username {
    fn from_field(raw: Raw) -> Result<Self, String> {
        let name = raw.text()?;
        if name.chars().any(is_invisible) {
            return Err("must not hold control or invisible characters".to_owned());
        }
        // NFKC turns other spaces into plain ones, so the key is checked as well.
        let key = key(&name);
        if name.trim() != name || key.trim() != key {
            return Err("must not begin or end with a space".to_owned());
        }
        if !LENGTH.contains(&name.chars().count()) || key.is_empty() {
            return Err(format!("must have {} to {} characters", LENGTH.start(), LENGTH.end()));
        }
        Ok(Self(name))
    }
}

/// Tells whether a character is a control character, is displayed as nothing (Unicode's
/// `Default_Ignorable_Code_Point`), or ends a line or paragraph.
fn is_invisible(character: char) -> bool {
    const IGNORABLE: [RangeInclusive<char>; 15] = [
        '\u{ad}'..='\u{ad}',
        '\u{34f}'..='\u{34f}',
        '\u{61c}'..='\u{61c}',
        '\u{115f}'..='\u{1160}',
        '\u{17b4}'..='\u{17b5}',
        '\u{180b}'..='\u{180f}',
        '\u{200b}'..='\u{200f}',
        '\u{2028}'..='\u{202e}',
        '\u{2060}'..='\u{206f}',
        '\u{3164}'..='\u{3164}',
        '\u{fe00}'..='\u{fe0f}',
        '\u{feff}'..='\u{feff}',
        '\u{ffa0}'..='\u{ffa0}',
        '\u{fff0}'..='\u{fffb}',
        '\u{e0000}'..='\u{e0fff}',
    ];
    character.is_control() || IGNORABLE.iter().any(|range| range.contains(&character))
}

impl PartialSchema for Username {
    fn schema() -> RefOr<Schema> {
        let text = ObjectBuilder::new().schema_type(Type::String);
        let text = text.min_length(Some(*LENGTH.start())).max_length(Some(*LENGTH.end()));
        let text = text.pattern(Some(Line::PATTERN));
        text.description(Some("Without control and invisible characters, and without a space at either end."))
            .into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(name: &str) -> bool {
        Username::from_field(Raw::Text(name.to_owned())).is_ok()
    }

    #[test]
    fn names_that_differ_in_case_or_compatibility_form_only_are_the_same() {
        for (one, other) in
            [("Ada", "ADA"), ("ada", "ａｄａ"), ("straße", "STRASSE"), ("café", "cafe\u{301}")]
        {
            assert_eq!(key(one), key(other));
        }
    }

    #[test]
    fn names_with_invisible_characters_or_surrounding_space_are_refused() {
        for name in [
            "ab",
            " ada",
            "ada ",
            "ada\u{a0}",
            "a\0da",
            "ada\n",
            "a\u{200b}da",
            "\u{202e}ada",
            "ada\u{fe0f}",
            "a\u{34f}da",
            "\u{3164}\u{3164}\u{3164}",
            "ada\u{e0041}",
            &"x".repeat(51),
        ] {
            assert!(!accepts(name), "{name:?}");
        }
        assert!(accepts("Ada Lovelace") && accepts("🦀🦀🦀") && accepts("עדה"));
    }
}
