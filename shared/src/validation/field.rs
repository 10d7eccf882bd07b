//! One value, as it arrived and as a type reads it.

use serde_json::Value;

/// A value as it arrived.
#[derive(Debug, Clone, PartialEq)]
pub enum Raw {
    /// From a JSON object: typed.
    Json(Value),
    /// From a form or a query: text, whatever it means.
    Text(String),
}

impl Raw {
    /// The value as text.
    pub fn text(self) -> Result<String, String> {
        match self {
            Self::Text(text) | Self::Json(Value::String(text)) => Ok(text),
            Self::Json(_) => Err("must be a string".to_owned()),
        }
    }

    /// The value as a whole number: of JSON also `1.0` and `1e0`, which are the number 1 written otherwise (JSON
    /// Schema validation, §6.1.1); of text ASCII digits with an optional minus and nothing else.
    pub fn integer(&self) -> Result<i64, String> {
        let number = match self {
            Self::Json(value) => value.as_i64().or_else(|| whole(value.as_f64()?)),
            Self::Text(text) => canonical_integer(text),
        };
        number.ok_or_else(|| "must be a whole number".to_owned())
    }
}

/// `number` as an integer, if it is one that a double holds exactly.
fn whole(number: f64) -> Option<i64> {
    /// 2⁵³: from here on, not every integer is a double.
    const INEXACT: f64 = 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, reason = "nothing is cut off")]
    (number.fract() == 0.0 && number.abs() < INEXACT).then_some(number as i64)
}

fn canonical_integer(text: &str) -> Option<i64> {
    text.parse::<i64>().ok().filter(|number| number.to_string() == text)
}

/// A type that can be read from one value.
pub trait FromField: Sized {
    /// Reads it, or says what it must be, as the rest of a sentence that begins with the field's name.
    fn from_field(raw: Raw) -> Result<Self, String>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_canonical_integers_are_numbers() {
        for text in ["+1", "01", " 1", "1 ", "1.0", "1e3", "", "-0", "１", "9223372036854775808"] {
            assert!(Raw::Text(text.into()).integer().is_err(), "{text:?}");
        }
        assert_eq!(Raw::Text("-9223372036854775808".into()).integer(), Ok(i64::MIN));
    }

    #[test]
    fn a_json_number_is_whole_however_it_is_written() {
        for (text, whole) in
            [("1", 1), ("1.0", 1), ("2e2", 200), ("-0.0", 0), ("9007199254740993", 9_007_199_254_740_993)]
        {
            assert_eq!(Raw::Json(serde_json::from_str(text).unwrap()).integer(), Ok(whole), "{text}");
        }
        for text in ["1.5", "1e300", "9223372036854775808", "9007199254740992.0", "\"1\"", "true"] {
            assert!(Raw::Json(serde_json::from_str(text).unwrap()).integer().is_err(), "{text}");
        }
    }
}
