//! Usernames: what is accepted, and when two are the same.

use std::ops::RangeInclusive;

use unicode_normalization::UnicodeNormalization as _;
use utoipa::PartialSchema;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};

use crate::validation::{FromField, Raw};

const LENGTH: RangeInclusive<usize> = 3..=50;

/// A name of 3 to 50 code points, as its owner writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Username(String);

impl Username {
    /// The name as its owner writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What makes two names the same; see [`key`].
    #[must_use]
    pub fn key(&self) -> String {
        key(&self.0)
    }
}

/// NFKC and full case folding (Unicode, default caseless matching): names with the same key are the same.
/// Takes any text, also one that is no valid name.
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
        // NFKC turns odd spaces into plain ones, so look at the key as well.
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

/// Control characters, and those that are drawn as nothing (Unicode's `Default_Ignorable_Code_Point`) or as a
/// line end, so that two names would look alike.
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
        text.pattern(Some(r"^[^\u0000-\u001f\u007f-\u009f]*$")).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(name: &str) -> bool {
        Username::from_field(Raw::Text(name.to_owned())).is_ok()
    }

    #[test]
    fn names_that_differ_in_form_only_are_the_same() {
        for (one, other) in
            [("Ada", "ADA"), ("ada", "ａｄａ"), ("straße", "STRASSE"), ("café", "cafe\u{301}")]
        {
            assert_eq!(key(one), key(other));
        }
    }

    #[test]
    fn names_that_hide_something_are_refused() {
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
