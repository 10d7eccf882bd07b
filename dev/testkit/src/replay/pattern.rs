//! Compares an answer with the expected one.
//!
//! Strings in the expectation may contain patterns: `{{uuid}}`, `{{time}}` (RFC 3339), `{{jwt}}`, `{{base64url}}` and
//! `{{digits 1-60}}` match text of that kind, and `{{integer 1-60}}` alone in its string matches a number. `{{ada.id}}`
//! matches the value with that name, and `{{file <path>}}` the content of a file. `{{policy ping}}` is a quota as
//! `RateLimit-Policy` has it, and `{{remaining ping 2}}` what two requests leave of it. Everything else must be equal.

use std::fs;

use serde_json::Value;
use shared::protection::quota::Quota;
use shared::protection::quotas;
use stack::workspace;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use super::values::Values;

/// The number of characters after which a value is cut in a message.
const LONGEST_SHOWN: usize = 300;

/// The differences between `actual` and `expected`: one line each, which begins with a JSON pointer.
pub(super) fn differences(expected: &Value, actual: &Value, values: &Values) -> Vec<String> {
    let mut found = Vec::new();
    compare(expected, actual, "", values, &mut found);
    found
}

fn compare(expected: &Value, actual: &Value, at: &str, values: &Values, found: &mut Vec<String>) {
    match (expected, actual) {
        (Value::Object(expected), Value::Object(actual)) => {
            for (name, expected) in expected {
                let actual = actual.get(name).unwrap_or(&Value::Null);
                compare(expected, actual, &format!("{at}/{name}"), values, found);
            }
            for (name, value) in actual.iter().filter(|(name, _)| !expected.contains_key(*name)) {
                found.push(format!("{at}/{name}: not expected: {}", shown(value)));
            }
        }
        (Value::Array(expected), Value::Array(actual)) if expected.len() == actual.len() => {
            for (index, (expected, actual)) in expected.iter().zip(actual).enumerate() {
                compare(expected, actual, &format!("{at}/{index}"), values, found);
            }
        }
        (Value::String(pattern), actual) if matches_value(pattern, actual, values) => {}
        (expected, actual) if expected == actual => {}
        _ => found.push(format!("{at}: expected {}, is {}", shown(expected), shown(actual))),
    }
}

fn shown(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= LONGEST_SHOWN {
        text
    } else {
        text.chars().take(LONGEST_SHOWN).chain(['…']).collect()
    }
}

/// Whether `actual` matches the string `pattern`. Only a string that is a single `{{…}}` matches values other than
/// strings.
fn matches_value(pattern: &str, actual: &Value, values: &Values) -> bool {
    let whole = pattern.strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}"));
    if let Some(name) = whole.filter(|name| !name.contains("{{")) {
        if let Some(value) = values.get(name) {
            return value == actual;
        }
        if let Some(range) = name.strip_prefix("integer") {
            return actual.as_u64().is_some_and(|number| is_within(range, number));
        }
        if let Some(file) = name.strip_prefix("file ") {
            return is_content_of(file, actual);
        }
    }
    actual.as_str().is_some_and(|actual| matches_text(pattern, actual, values))
}

/// Whether `text` equals `pattern` with a matching text in place of each `{{…}}`.
fn matches_text(pattern: &str, text: &str, values: &Values) -> bool {
    let parts = pattern.split_once("{{").and_then(|(before, rest)| Some((before, rest.split_once("}}")?)));
    let Some((before, (name, after))) = parts else { return pattern == text };
    let Some(rest) = text.strip_prefix(before) else { return false };
    let ends = (0..=rest.len()).filter(|end| rest.is_char_boundary(*end));
    ends.into_iter()
        .any(|end| matches_kind(name, &rest[..end], values) && matches_text(after, &rest[end..], values))
}

/// Whether `text` is the value with this name, or text of the kind with this name.
fn matches_kind(name: &str, text: &str, values: &Values) -> bool {
    if let Some(value) = values.get(name) {
        return value.as_str().map_or_else(|| value.to_string(), str::to_owned) == text;
    }
    match name {
        "uuid" => text.len() == 36 && Uuid::parse_str(text).is_ok(),
        "time" => OffsetDateTime::parse(text, &Rfc3339).is_ok(),
        "jwt" => text.split('.').count() == 3 && text.split('.').all(is_base64url),
        "base64url" => is_base64url(text),
        _ => match name.split_once(' ') {
            Some(("policy", quota)) => of_quota(quota, policy).is_some_and(|policy| policy == text),
            Some(("remaining", counted)) => remaining(counted).is_some_and(|remaining| remaining == text),
            _ => name.strip_prefix("digits").is_some_and(|range| is_number_within(range, text)),
        },
    }
}

fn is_number_within(range: &str, text: &str) -> bool {
    text.parse().is_ok_and(|number: u64| number.to_string() == text && is_within(range, number))
}

fn of_quota<T>(name: &str, value: impl FnOnce(&Quota) -> T) -> Option<T> {
    quotas::ALL.iter().find(|quota| quota.name == name).map(value)
}

fn policy(quota: &Quota) -> String {
    format!("\"{}\";q={};w={}", quota.name, quota.limit, quota.window.as_secs())
}

/// How often a step is done: a number, or `{{remaining ping 0}}`.
pub(super) fn times(value: &Value) -> Option<u32> {
    match value {
        Value::String(pattern) => {
            let counted = pattern.strip_prefix("{{remaining ")?.strip_suffix("}}")?;
            remaining(counted)?.parse().ok()
        }
        number => number.as_u64()?.try_into().ok(),
    }
}

/// What is left of the quota after some requests: `ping 2`.
fn remaining(counted: &str) -> Option<String> {
    let (quota, requests) = counted.split_once(' ')?;
    let requests: u32 = requests.parse().ok()?;
    of_quota(quota, |quota| quota.limit.checked_sub(requests))?.map(|left| left.to_string())
}

/// Whether `number` is in `range`: a space and the bounds, as in ` 1-60`. An empty range contains every number.
fn is_within(range: &str, number: u64) -> bool {
    let Some(range) = range.strip_prefix(' ') else { return range.is_empty() };
    let bounds = range.split_once('-').and_then(|(low, high)| Some((low.parse().ok()?, high.parse().ok()?)));
    bounds.is_some_and(|(low, high): (u64, u64)| (low..=high).contains(&number))
}

/// Whether `text` is base64url (RFC 4648 §5) without padding.
fn is_base64url(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
}

/// Whether `actual` is the content of the file; if it is not a string, the content as JSON.
fn is_content_of(file: &str, actual: &Value) -> bool {
    let text = workspace::root().ok().and_then(|root| fs::read_to_string(root.join(file)).ok());
    text.is_some_and(|text| match actual {
        Value::String(actual) => *actual == text,
        actual => serde_json::from_str::<Value>(&text).is_ok_and(|content| content == *actual),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn is_as_expected(expected: &Value, actual: &Value) -> bool {
        let mut values = Values::default();
        values.add("ada", json!({"id": 7, "name": "Ada"}));
        differences(expected, actual, &values).is_empty()
    }

    #[test]
    fn a_pattern_matches_its_kind_and_nothing_else() {
        let token = "eyJh.eyJz._-9";
        for (pattern, fitting, other) in [
            ("{{uuid}}", json!("0193b3e6-7e0c-7b6f-9f57-2d6a2f1c9a10"), json!("0193b3e6")),
            ("{{time}}", json!("2026-11-22T10:00:00.5Z"), json!("yesterday")),
            ("{{jwt}}", json!(token), json!("a.b")),
            ("{{base64url}}", json!("_-9"), json!("a=")),
            ("{{integer 1-60}}", json!(60), json!(61)),
            ("{{integer}}", json!(0), json!("0")),
            ("{{digits 1-60}}", json!("1"), json!(1)),
            ("{{digits}}", json!("10"), json!("010")),
            ("{{ada.id}}", json!(7), json!(8)),
            ("{{policy default}}", json!(policy(&quotas::DEFAULT)), json!("\"default\";q=1;w=60")),
            ("r={{remaining default 1}};", json!(format!("r={};", quotas::DEFAULT.limit - 1)), json!("r=0;")),
            ("\"a\";r=4;t={{digits 1-9}}", json!("\"a\";r=4;t=9"), json!("\"a\";r=4;t=10")),
            (
                "/users/{{ada.id}}/{{uuid}}",
                json!("/users/7/0193b3e6-7e0c-7b6f-9f57-2d6a2f1c9a10"),
                json!("/users/7/"),
            ),
            ("{{unheard of}}", json!("{{unheard of}}"), json!("anything")),
            ("{{file CHANGELOG.md}}", json!(include_str!("../../../../CHANGELOG.md")), json!("")),
        ] {
            assert!(is_as_expected(&json!(pattern), &fitting), "{pattern} is {fitting}");
            assert!(!is_as_expected(&json!(pattern), &other), "{pattern} is {other}");
        }
    }

    #[test]
    fn a_number_of_times_may_follow_from_a_quota() {
        let limit = quotas::DEFAULT.limit;
        for (value, expected) in [
            (json!(3), Some(3)),
            (json!("{{remaining default 0}}"), Some(limit)),
            (json!("{{remaining default 1}}"), Some(limit - 1)),
            (json!("{{remaining nothing 0}}"), None),
            (json!("3"), None),
            (json!(-1), None),
        ] {
            assert_eq!(times(&value), expected, "{value}");
        }
    }

    #[test]
    fn an_added_missing_or_changed_member_is_a_difference() {
        let expected = json!({"a": [1, {"b": null}], "c": "x"});
        assert!(is_as_expected(&expected, &expected));
        for other in [
            json!({"a": [1, {"b": null}]}),
            json!({"a": [1, {"b": null}], "c": "x", "d": null}),
            json!({"a": [1], "c": "x"}),
            json!({"a": [1, {"b": 0}], "c": "x"}),
            json!({"a": [1, {"b": null}], "c": "y"}),
        ] {
            assert!(!is_as_expected(&expected, &other), "{other}");
        }
    }
}
