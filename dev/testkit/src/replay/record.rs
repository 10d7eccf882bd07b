//! Writes the answers of a function as the expected ones.
//!
//! A pattern in the old expectation stays where it matches the answer. Values that hardly ever occur twice, such as
//! ids and times, become patterns; all others are written as they are.

use serde_json::{Map, Value};
use stack::{Error, Result};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use super::case::Case;
use super::pattern::differences;
use super::values::Values;

/// Writes the expectation of `case` from `answers`, one for each transport.
///
/// # Errors
/// When no expectation matches all answers: they differ in a value for which there is no pattern.
pub(super) fn write(case: &Case, answers: &[(Value, Values)]) -> Result<()> {
    let merge =
        |expected: Value, (answer, values): &(Value, Values)| merged("", Some(&expected), answer, values);
    let expected = answers.iter().fold(case.answer().clone(), merge);
    let unsettled = answers.iter().flat_map(|(answer, values)| differences(&expected, answer, values));
    let unsettled: Vec<_> = unsettled.collect();
    if unsettled.is_empty() {
        return case.expect(expected);
    }
    Err(Error::new(format!("{} is not always answered alike:\n  {}", case.name(), unsettled.join("\n  "))))
}

/// `expected` where it matches `actual`, and `actual` elsewhere. `name` is the name of the member with this value.
fn merged(name: &str, expected: Option<&Value>, actual: &Value, values: &Values) -> Value {
    match (expected, actual) {
        (Some(expected), _) if differences(expected, actual, values).is_empty() => expected.clone(),
        (expected, Value::Object(members)) => {
            let member = |(name, actual): (&String, &Value)| {
                let expected = expected.and_then(|expected| expected.get(name));
                (name.clone(), merged(name, expected, actual, values))
            };
            Value::Object(members.iter().map(member).collect::<Map<_, _>>())
        }
        (expected, Value::Array(items)) => {
            let item = |(index, actual): (usize, &Value)| {
                let expected = expected.and_then(|expected| expected.get(index));
                merged(name, expected, actual, values)
            };
            Value::Array(items.iter().enumerate().map(item).collect())
        }
        (_, Value::String(text)) => suggested(name, text).into(),
        (_, other) => other.clone(),
    }
}

/// A pattern for text that hardly ever occurs twice; other text as it is.
fn suggested(name: &str, text: &str) -> String {
    let is_token = || text.starts_with("eyJ") && text.split('.').count() == 3;
    if text.len() == 36 && Uuid::parse_str(text).is_ok() {
        "{{uuid}}".to_owned()
    } else if OffsetDateTime::parse(text, &Rfc3339).is_ok() {
        "{{time}}".to_owned()
    } else if is_token() {
        "{{jwt}}".to_owned()
    } else if let ("ratelimit", Some((quota, _))) = (name, text.rsplit_once(";t=")) {
        format!("{quota};t={{{{digits 1-60}}}}")
    } else if name == "retry-after" && text != "1" {
        "{{digits 1-60}}".to_owned()
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_pattern_that_matches_stays_and_everything_else_is_the_answer() {
        let expected =
            json!({"id": "{{integer}}", "old": 1, "items": ["{{integer 1-9}}", "x"], "name": "{{digits}}"});
        let actual = json!({"id": 7, "new": 2, "items": [5, "y"], "name": "Ada", "retry-after": "7"});
        let merged = merged("", Some(&expected), &actual, &Values::default());
        let renewed = json!({
            "id": "{{integer}}", "new": 2, "items": ["{{integer 1-9}}", "y"], "name": "Ada",
            "retry-after": "{{digits 1-60}}",
        });
        assert_eq!(merged, renewed);
    }
}
