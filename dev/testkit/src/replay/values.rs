//! The values of the placeholders `{{name.member}}`: those that only the state of a case has, such as tokens.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use stack::{Error, Result};

/// Values by name, which the steps of a case yield.
#[derive(Clone, Debug, Default)]
pub(super) struct Values(BTreeMap<String, Value>);

impl Values {
    /// Adds a value.
    pub(super) fn add(&mut self, name: &str, value: Value) {
        self.0.insert(name.to_owned(), value);
    }

    /// The value at a path such as `name.member` or `name.items.0.id`.
    pub(super) fn get(&self, path: &str) -> Option<&Value> {
        let (name, members) = path.split_once('.')?;
        self.0.get(name)?.pointer(&format!("/{}", members.replace('.', "/")))
    }

    /// `event` with values in place of its placeholders, also in a body in base64.
    pub(super) fn fill(&self, event: &Value) -> Result<Value> {
        let mut filled = self.filled(event)?;
        let body = match (&event["isBase64Encoded"], event["body"].as_str()) {
            (Value::Bool(true), Some(body)) => STANDARD.decode(body).ok(),
            _ => None,
        };
        // A body that is not UTF-8 has no placeholders.
        if let Some(body) = body.and_then(|bytes| String::from_utf8(bytes).ok()) {
            filled["body"] = STANDARD.encode(self.text(&body)?).into();
        }
        Ok(filled)
    }

    fn filled(&self, value: &Value) -> Result<Value> {
        Ok(match value {
            Value::String(text) => self.text(text)?.into(),
            Value::Array(items) => items.iter().map(|item| self.filled(item)).collect::<Result<_>>()?,
            Value::Object(members) => {
                let filled = members.iter().map(|(name, value)| Ok((name.clone(), self.filled(value)?)));
                Value::Object(filled.collect::<Result<_>>()?)
            }
            other => other.clone(),
        })
    }

    fn text(&self, text: &str) -> Result<String> {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let Some((name, after)) = after.split_once("}}") else { break };
            let value = self.get(name).ok_or_else(|| Error::new(format!("there is no value {name}")))?;
            filled += before;
            filled += &value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            rest = after;
        }
        Ok(filled + rest)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn placeholders_are_replaced_in_headers_paths_and_encoded_bodies() {
        let mut values = Values::default();
        values.add("ada", json!({"id": 7, "access": "a.b.c"}));
        let body = |text: &str| STANDARD.encode(text);
        let event = json!({
            "headers": {"authorization": "Bearer {{ada.access}}"}, "rawPath": "/x/{{ada.id}}",
            "body": body("token={{ada.access}}&x={{"), "isBase64Encoded": true,
        });
        let filled = json!({
            "headers": {"authorization": "Bearer a.b.c"}, "rawPath": "/x/7",
            "body": body("token=a.b.c&x={{"), "isBase64Encoded": true,
        });
        assert_eq!(values.fill(&event).unwrap(), filled);
        assert!(values.fill(&json!("{{bob.access}}")).unwrap_err().to_string().contains("bob.access"));
    }
}
