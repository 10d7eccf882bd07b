//! Text with a length, counted in Unicode code points, and without control characters.

use std::fmt;

use serde::{Serialize, Serializer};
use utoipa::PartialSchema;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};

use super::field::{FromField, Raw};

/// Which control characters a text may hold.
pub trait Layout {
    /// A regular expression for texts of this layout, which all engines understand (JSON Schema, core §6.4): characters
    /// stand in it as themselves, since not every engine knows an escape for them.
    const PATTERN: &'static str;

    /// Whether `character` may stand in the text although it is a C0 control character.
    fn allows(character: char) -> bool;
}

/// One line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line;

/// Several lines: tabs and line ends are text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lines;

impl Layout for Line {
    const PATTERN: &'static str = "^[^\0-\x1f]*$";

    fn allows(_: char) -> bool {
        false
    }
}

impl Layout for Lines {
    const PATTERN: &'static str = "^[^\0-\x08\x0b\x0c\x0e-\x1f]*$";

    fn allows(character: char) -> bool {
        matches!(character, '\t' | '\n' | '\r')
    }
}

/// A text of `MIN` to `MAX` code points, kept byte for byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text<const MIN: usize, const MAX: usize, L = Line> {
    text: String,
    layout: std::marker::PhantomData<L>,
}

/// A text of several lines and at most `MAX` code points.
pub type MultilineText<const MAX: usize> = Text<0, MAX, Lines>;

impl<const MIN: usize, const MAX: usize, L> Text<MIN, MAX, L> {
    /// The text, byte for byte as the client sent it: neither trimmed nor normalised.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl<const MIN: usize, const MAX: usize, L: Layout> FromField for Text<MIN, MAX, L> {
    fn from_field(raw: Raw) -> Result<Self, String> {
        let text = raw.text()?;
        if text.chars().any(|character| character < ' ' && !L::allows(character)) {
            return Err("must not hold control characters".to_owned());
        }
        if !(MIN..=MAX).contains(&text.chars().count()) {
            return Err(format!("must have {MIN} to {MAX} characters"));
        }
        Ok(Self { text, layout: std::marker::PhantomData })
    }
}

impl<const MIN: usize, const MAX: usize, L> fmt::Display for Text<MIN, MAX, L> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl<const MIN: usize, const MAX: usize, L> Serialize for Text<MIN, MAX, L> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<const MIN: usize, const MAX: usize, L: Layout> PartialSchema for Text<MIN, MAX, L> {
    fn schema() -> RefOr<Schema> {
        let text = ObjectBuilder::new().schema_type(Type::String).pattern(Some(L::PATTERN));
        text.min_length((MIN > 0).then_some(MIN)).max_length(Some(MAX)).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts<T: FromField>(text: &str) -> bool {
        T::from_field(Raw::Text(text.to_owned())).is_ok()
    }

    #[test]
    fn length_is_counted_in_code_points() {
        assert!(accepts::<Text<1, 3>>("🦀🦀🦀") && !accepts::<Text<1, 3>>("🦀🦀🦀🦀"));
        assert!(!accepts::<Text<1, 3>>(""));
    }

    #[test]
    fn control_characters_are_refused_except_line_ends_in_multiline_text() {
        assert!(!accepts::<Text<1, 9>>("a\0b") && !accepts::<Text<1, 9>>("a\nb"));
        assert!(accepts::<MultilineText<9>>("a\tb\r\nc") && !accepts::<MultilineText<9>>("a\x1bb"));
    }
}
